using System.CommandLine;
using System.Globalization;
using Adcp.Aot.Signing;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Cli;

/// <summary><c>hmac sign|verify</c>: AdCP's legacy HMAC-SHA256 over a body file, for debugging.</summary>
internal static class HmacCommand
{
    internal static Command Create() =>
        new("hmac", "Sign or verify a body by AdCP's legacy HMAC-SHA256, for debugging.") { Sign(), Verify() };

    private static Command Sign()
    {
        (Argument<string> body, Option<string> secretFile, Option<long> timestamp, Option<bool> json) = Common();
        Command command = new("sign", "Print the headers that sign a body.") { body, secretFile, timestamp, json };
        command.SetAction(arguments =>
        {
            LegacyHmacSigner signer = CommandException.UsageOf(
                () => new LegacyHmacSigner(InputFile.Secret(arguments.GetValue(secretFile)!, "--secret-file")), "--secret-file");
            long seconds = arguments.GetValue(timestamp);
            string signature = signer.Sign(seconds, InputFile.Bytes(arguments.GetValue(body)!, "BODY"));
            if (arguments.GetValue(json))
            {
                Output.Json(members =>
                {
                    members.WriteNumber("timestamp"u8, seconds);
                    members.WriteString("signature"u8, signature);
                });
            }
            else
            {
                Output.Table(["X-ADCP-Timestamp:", seconds.ToString(CultureInfo.InvariantCulture)], ["X-ADCP-Signature:", signature]);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static Command Verify()
    {
        (Argument<string> body, Option<string> secretFile, Option<long> timestamp, Option<bool> json) = Common();
        Option<string> signature = Options.Text("--signature", "The X-ADCP-Signature, sha256=...", required: true);
        Command command = new("verify", "Verify a body's signature as of its timestamp, however long ago that is.")
            { body, secretFile, timestamp, signature, json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            long seconds = arguments.GetValue(timestamp);
            string secret = InputFile.Secret(arguments.GetValue(secretFile)!, "--secret-file");
            LegacyHmacVerifier verifier = CommandException.UsageOf(
                () => new LegacyHmacVerifier([secret], timeProvider: new FixedTime(seconds)), "--secret-file");
            InboundRequest request = new("POST", "https://localhost/", new Dictionary<string, string>
            {
                ["Content-Type"] = "application/json",
                ["X-ADCP-Timestamp"] = seconds.ToString(CultureInfo.InvariantCulture),
                ["X-ADCP-Signature"] = arguments.GetValue(signature)!,
            });
            VerificationResult result = await verifier.VerifyAsync(request, InputFile.Bytes(arguments.GetValue(body)!, "BODY"),
                default, cancellationToken).ConfigureAwait(false);
            return Verdict.Print(result, arguments.GetValue(json));
        });
        return command;
    }

    private static (Argument<string> Body, Option<string> SecretFile, Option<long> Timestamp, Option<bool> Json) Common()
    {
        Option<long> timestamp = new("--timestamp") { Description = "The X-ADCP-Timestamp in Unix seconds.", Required = true };
        timestamp.Validators.Add(result =>
        {
            if (!result.Errors.Any() && result.GetValueOrDefault<long>() is < 0 or > 253_402_300_799)
            {
                result.AddError("--timestamp takes Unix seconds from 0 to 253402300799.");
            }
        });
        return (
            new Argument<string>("body") { Description = "The file with the body's exact bytes; - for the standard input." },
            Options.Text("--secret-file", "The file with the shared secret.", required: true),
            timestamp,
            Options.Json());
    }
}
