using System.Diagnostics.Metrics;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Sending;

/// <summary>Counts refusals of the destination guard. If there is no listener, nothing is counted. Never throws.</summary>
internal static class SenderMeter
{
    private static readonly KeyValuePair<string, object?> Address = new(AdcpTags.Refusal, "address");

    private static readonly KeyValuePair<string, object?> Url = new(AdcpTags.Refusal, "url");

    private static readonly Counter<long> Refusals = AdcpMeter.Meter.CreateCounter<long>(
        AdcpInstruments.GuardRefusals, "{refusal}", "Attempts that the destination guard refused, by the part that it refused.");

    internal static void Refused(bool isAddress)
    {
        if (Refusals.Enabled)
        {
            AdcpMeter.Add(Refusals, isAddress ? Address : Url);
        }
    }
}
