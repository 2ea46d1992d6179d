using System.Globalization;
using Adcp.Aot.Network;

namespace Adcp.Aot.Cli;

/// <summary>Judges a destination's url, name, connection and clock.</summary>
internal static class DestinationCheck
{
    internal static IEnumerable<Finding> Judge(DestinationReport report)
    {
        string addresses = string.Join(", ", report.Addresses);
        if (report.FailedStep == DestinationStep.Url)
        {
            yield return Finding.Failed("url", report.Fault!, "Correct the url.");
            yield break;
        }

        if (report.FailedStep == DestinationStep.Name)
        {
            yield return Finding.Failed("dns", report.Fault!, "Check the spelling of the host and this machine's name servers.");
            yield break;
        }

        if (report.Addresses.Count > 0)
        {
            yield return Finding.Ok("dns", addresses);
        }

        if (report.FailedStep == DestinationStep.Guard)
        {
            yield return Finding.Failed(
                "guard", report.Fault!,
                "Webhooks to it are refused. Use a public https url; --allow-http and --allow-private are for development.");
            yield break;
        }

        yield return Finding.Ok("guard", "the url and its addresses are allowed");
        if (!report.IsReachable)
        {
            yield return Finding.Failed("reachable", report.Fault!, report.FailedStep switch
            {
                DestinationStep.Connection => "Check that the host listens on the port, and the firewalls on the way.",
                DestinationStep.Tls => "Renew or complete the host's certificate chain. It must allow TLS 1.2 or newer.",
                _ => "Check the service behind the host.",
            });
            yield break;
        }

        string answer = string.Create(
            CultureInfo.InvariantCulture, $"HEAD was answered {report.StatusCode} in {report.Elapsed.TotalMilliseconds:0} ms");
        yield return report.StatusCode >= 500
            ? Finding.Warning("reachable", answer, "Check the service behind the host: webhooks that it answers so are retried.")
            : Finding.Ok("reachable", answer);
        yield return report.ClockOffset is { } offset
            ? ClockCheck.Judge(offset, "the destination")
            : Finding.Warning("clock", "the answer has no Date", "Compare this machine's clock with another url or store.");
    }
}
