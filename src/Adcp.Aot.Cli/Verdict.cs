using System.Text.Json;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Cli;

/// <summary>Prints the result of a verification.</summary>
internal static class Verdict
{
    /// <returns>The exit code.</returns>
    internal static int Print(VerificationResult result, bool json)
    {
        if (json)
        {
            Output.Json(members =>
            {
                members.WriteBoolean("ok"u8, result.Ok);
                if (!result.Ok)
                {
                    members.WriteString("error_code"u8, Code(result));
                }
            });
        }
        else
        {
            Console.Out.WriteLine(result.Ok ? "ok" : Code(result));
        }

        if (result.Detail is { } detail)
        {
            Console.Error.WriteLine($"step {result.FailedStep}: {detail}");
        }

        return result.Ok ? ExitCode.Done : ExitCode.NotDone;
    }

    /// <summary>Returns AdCP's code. If there is none, returns the answer's name in the same form.</summary>
    internal static string Code(VerificationResult result) =>
        result.ErrorCode ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(result.Error.ToString());
}
