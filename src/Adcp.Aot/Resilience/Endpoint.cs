using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>What is known of one endpoint: its circuit, who is at it now, and when it was last used.</summary>
internal sealed class Endpoint(string key, EndpointTable table)
{
    /// <summary>Changed only through its own methods.</summary>
    internal CircuitWord Circuit;

    internal ConcurrencyGate Gate;

    /// <summary>Coarse time of last use, in the table's ticks; written only when it changes, so that a busy endpoint's line stays shared.</summary>
    internal int LastUsed;

    /// <summary>Refusals since the last record of this endpoint.</summary>
    internal int Skipped;

    /// <summary>When a refusal was last recorded, in circuit milliseconds, plus one; 0 for never.</summary>
    internal uint SkipRecordedAt;

    internal short LastStatusCode;
    internal byte LastError;
    internal volatile bool Evicted;

    internal string Key { get; } = key;

    internal EndpointTable Table { get; } = table;
}
