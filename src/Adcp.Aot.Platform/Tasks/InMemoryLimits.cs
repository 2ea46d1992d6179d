namespace Adcp.Aot.Platform;

/// <summary>
/// Bounds a store in memory, in items and bytes, for each tenant and in total. Immutable; a bad value throws when it
/// is set.
/// </summary>
/// <remarks>No tenant's items are removed for another tenant. A store that has no room for a new item refuses it.</remarks>
public sealed record InMemoryLimits
{
    /// <summary>Gets how many items are kept. 1 to 10,000,000, default 100,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int Capacity { get; init => field = Require.InRange(value, 1, 10_000_000, nameof(Capacity)); } = 100_000;

    /// <summary>Gets how many items of one tenant are kept. 1 to 10,000,000, default 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int CapacityPerTenant { get; init => field = Require.InRange(value, 1, 10_000_000, nameof(CapacityPerTenant)); } = 10_000;

    /// <summary>
    /// Gets how many bytes of contexts, results and answers are kept. 64 KiB to 64 GiB, default 512 MiB. One item may
    /// exceed it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public long MaxBytes { get; init => field = Require.InRange(value, 64L << 10, 64L << 30, nameof(MaxBytes)); } = 512L << 20;

    /// <summary>Gets how many bytes of one tenant are kept. 64 KiB to 64 GiB, default 64 MiB. One item may exceed it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public long MaxBytesPerTenant
    {
        get;
        init => field = Require.InRange(value, 64L << 10, 64L << 30, nameof(MaxBytesPerTenant));
    } = 64L << 20;
}
