using System.Buffers;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Json;

namespace Adcp.Aot.Cli;

/// <summary><c>jcs FILE</c>: the canonical form (RFC 8785) and its SHA-256.</summary>
internal static class JcsCommand
{
    internal static Command Create()
    {
        Argument<string> file = new("file") { Description = "A file with one JSON value; - for the standard input." };
        Option<bool> json = Options.Json();
        Command command = new("jcs", "Print the canonical form (RFC 8785) of JSON and its SHA-256.") { file, json };
        command.SetAction(arguments => Run(arguments.GetValue(file)!, arguments.GetValue(json)));
        return command;
    }

    private static int Run(string file, bool json)
    {
        ArrayBufferWriter<byte> canonical = new();
        try
        {
            CanonicalJson.Write(InputFile.Bytes(file, "FILE"), canonical);
        }
        catch (WebhookPayloadException fault)
        {
            if (json)
            {
                Output.Json(members => members.WriteString("error_code"u8, fault.Code));
            }

            Console.Error.WriteLine($"{fault.Code}: {fault.Message}");
            return ExitCode.Refused;
        }

        string sha256 = Convert.ToHexStringLower(SHA256.HashData(canonical.WrittenSpan));
        if (json)
        {
            Output.Json(members =>
            {
                members.WriteString("canonical"u8, Encoding.UTF8.GetString(canonical.WrittenSpan));
                members.WriteString("sha256"u8, sha256);
            });
        }
        else
        {
            Output.Table(["canonical", Output.Visible(Encoding.UTF8.GetString(canonical.WrittenSpan))], ["sha256", sha256]);
        }

        return ExitCode.Done;
    }
}
