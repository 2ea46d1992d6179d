using System.CommandLine;
using Adcp.Aot.Network;

namespace Adcp.Aot.Cli;

/// <summary><c>canonicalize URL</c>: the <c>@target-uri</c> and <c>@authority</c> that a signature covers.</summary>
internal static class CanonicalizeCommand
{
    // The result that AdCP's own vectors for this algorithm expect.
    private const string Malformed = "request_target_uri_malformed";

    internal static Command Create()
    {
        Argument<string> url = new("url") { Description = "The url as it was registered or received." };
        Option<bool> json = Options.Json();
        Command command = new("canonicalize", "Print a url's canonical @target-uri and @authority.") { url, json };
        command.SetAction(arguments => Run(arguments.GetValue(url)!, arguments.GetValue(json)));
        return command;
    }

    private static int Run(string url, bool json)
    {
        if (!TargetUri.TryParse(url, out TargetUri? target, out string? reason))
        {
            if (json)
            {
                Output.Json(static members => members.WriteString("error_code"u8, Malformed));
            }

            Console.Error.WriteLine($"{Malformed}: {reason}.");
            return ExitCode.Refused;
        }

        if (json)
        {
            Output.Json(members =>
            {
                members.WriteString("target_uri"u8, target.Value);
                members.WriteString("authority"u8, target.Authority);
            });
        }
        else
        {
            Output.Table(["@target-uri", target.Value], ["@authority", target.Authority]);
        }

        return ExitCode.Done;
    }
}
