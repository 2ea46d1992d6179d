using Adcp.Aot.Sending;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>
/// The state of one endpoint: its circuit, the attempts under way, and the time of its last use. At most 160 bytes with
/// its entry in the table.
/// </summary>
internal sealed class Endpoint(string key, TenantState tenant, int originLength) : EndpointHandle
{
    /// <summary>Changed only through its own methods.</summary>
    internal CircuitWord Circuit;

    internal ConcurrencyGate Gate;

    /// <summary>
    /// The coarse time of last use, in the table's ticks. Written only if it changes, so that a busy endpoint's cache line stays
    /// shared.
    /// </summary>
    internal int LastUsed;

    /// <summary>Refusals since the last record of this endpoint.</summary>
    internal int Skipped;

    /// <summary>
    /// The time when a refusal was last recorded, in circuit milliseconds modulo 2^32, plus one; 0 for never.
    /// </summary>
    internal uint SkipRecordedAt;

    internal short LastStatusCode;
    internal byte LastError;
    internal volatile bool Evicted;

    /// <summary>The length of the part of the key that names tenant and origin; 0 if the caller chose the key.</summary>
    internal ushort OriginLength = (ushort)originLength;

    internal string Key { get; } = key;

    internal TenantState Tenant { get; } = tenant;

    internal EndpointTable Table => Tenant.Table;

    internal ReadOnlySpan<char> OriginKey => Key.AsSpan(0, OriginLength);

    internal bool IsOrigin => OriginLength == 0 && EndpointKey.IsOrigin(Key);
}
