using System.Diagnostics.Metrics;
using System.Text;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Receiving;

/// <summary>Counts the outcomes of received messages. If there is no listener, nothing is counted. Never throws.</summary>
internal static class ReceiverMeter
{
    private static readonly KeyValuePair<string, object?>[] Results =
    [
        .. Enum.GetValues<IntakeStatus>()
            .Select(static status => new KeyValuePair<string, object?>(AdcpTags.ReceiveResult, WireName(status))),
    ];

    private static readonly Counter<long> Received = AdcpMeter.Meter.CreateCounter<long>(
        AdcpInstruments.Received, "{webhook}", "Received messages, by result.");

    internal static bool IsOn => Received.Enabled;

    internal static void Count(IntakeStatus status) => AdcpMeter.Add(Received, Results[(int)status]);

    /// <summary>Returns the name of a status in the style of tags: <c>AlreadyProcessed</c> is <c>already_processed</c>.</summary>
    internal static string WireName(IntakeStatus status)
    {
        StringBuilder name = new();
        foreach (char c in status.ToString())
        {
            if (char.IsAsciiLetterUpper(c) && name.Length > 0)
            {
                name.Append('_');
            }

            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }
}
