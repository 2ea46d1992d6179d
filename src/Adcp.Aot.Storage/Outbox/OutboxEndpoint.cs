namespace Adcp.Aot.Storage;

/// <summary>The state of one endpoint in the memory of its lane's owner. Guarded by the lock of <see cref="OutboxSchedule"/>.</summary>
internal sealed class OutboxEndpoint(short lane, long key, OutboxTenant tenant)
{
    /// <summary>The most parked rows of one endpoint in memory.</summary>
    internal const int FullRamp = 256;

    /// <summary>The floor of a read that begins at the first parked row.</summary>
    internal static readonly (long DueAt, long Id) Beginning = (long.MinValue, long.MinValue);

    private long _blockedUntil;

    internal short Lane { get; } = lane;

    internal long Key { get; } = key;

    internal OutboxTenant Tenant { get; } = tenant;

    /// <summary>Gets the rows that were not attempted before.</summary>
    internal OutboxRowQueue Fresh { get; } = new();

    /// <summary>Gets the rows that were parked.</summary>
    internal OutboxRowQueue Retries { get; } = new();

    /// <summary>Gets the rows that wait for their trial, without those that are attempted alone.</summary>
    internal OutboxRowQueue Suspects { get; } = new();

    /// <summary>Gets or sets the number of rows on trial.</summary>
    internal int OnTrial { get; set; }

    /// <summary>Gets or sets the number of rows in memory: ready, in flight and unsettled.</summary>
    internal int Held { get; set; }

    /// <summary>Gets or sets the bytes of the rows in memory.</summary>
    internal long HeldBytes { get; set; }

    /// <summary>Gets or sets the number of attempts under way.</summary>
    internal int InFlight { get; set; }

    /// <summary>Gets or sets the number of parked rows in memory.</summary>
    internal int ParkedHeld { get; set; }

    /// <summary>Gets or sets until when the circuit refuses, a timestamp; 0 if it does not.</summary>
    internal long BlockedUntil { get => IsIsolated ? long.MaxValue : _blockedUntil; set => _blockedUntil = value; }

    /// <summary>Gets when an operator reset the endpoint for the last time, a timestamp.</summary>
    internal long ResetAt { get; private set; } = long.MinValue;

    /// <summary>Gets or sets whether an operator isolated the endpoint: nothing is attempted until the reset.</summary>
    internal bool IsIsolated { get; set; }

    /// <summary>
    /// Gets how many attempts must succeed, one after the other, before more than one is made at a time: the circuit refused here,
    /// or it seems to have refused in the process that owned the lane before. 0 for an endpoint that works.
    /// </summary>
    internal int Probes { get; private set; }

    /// <summary>Gets the most parked rows in memory. 1 after a failure, one more for each success.</summary>
    internal int Ramp { get; private set; } = FullRamp;

    /// <summary>Gets or sets whether the table of parked rows may have rows of the endpoint that are not in memory.</summary>
    internal bool HasParked { get; set; }

    /// <summary>Gets or sets when parked rows are read next, a timestamp; <see cref="long.MaxValue"/> for never.</summary>
    internal long ReadAt { get; set; } = long.MaxValue;

    /// <summary>Gets or sets whether a read of parked rows is under way.</summary>
    internal bool IsReading { get; set; }

    /// <summary>Gets or sets the key of the last parked row that was read. Rows up to it are in memory or settled.</summary>
    internal (long DueAt, long Id) Floor { get; set; } = Beginning;

    /// <summary>Gets or sets whether parked rows have left memory as they were, so that the floor has passed them.</summary>
    internal bool IsFloorStale { get; set; }

    /// <summary>Gets or sets whether the parked rows wait for room in the tenant's share.</summary>
    internal bool IsStarved { get; set; }

    /// <summary>Gets or sets whether the last read found no row behind its own.</summary>
    internal bool IsExhausted { get; set; }

    /// <summary>Gets whether nothing is to be remembered. An isolation is remembered apart.</summary>
    internal bool IsIdle =>
        Held == 0 && InFlight == 0 && !HasParked && (IsIsolated || _blockedUntil == 0) && ReadAt == long.MaxValue;

    /// <summary>Returns whether another attempt may begin: as many as the ramp while it grows, and one at a time before.</summary>
    internal bool MayBegin(OutboxScheduleLimits limits) => InFlight < (Probes > 0 ? 1
        : Ramp < FullRamp ? Math.Min(Ramp, limits.MaxConcurrencyPerEndpoint)
        : limits.MaxConcurrencyPerEndpoint);

    /// <summary>Notes that the circuit refuses, or refused in another process.</summary>
    internal void Failed(OutboxScheduleLimits limits)
    {
        Ramp = 1;
        Probes = limits.Circuit().SuccessThreshold;
    }

    /// <summary>Forgets the circuit and the parked rows: another worker may own the lane.</summary>
    internal void Leave()
    {
        HasParked = false;
        IsStarved = false;
        ReadAt = long.MaxValue;
        IsReading = false;
        Floor = Beginning;
        BlockedUntil = 0;
        Probes = 0;
    }

    /// <summary>Closes the circuit and ends an isolation.</summary>
    internal void Reset(long now)
    {
        ResetAt = now;
        IsIsolated = false;
        BlockedUntil = 0;
        Probes = 0;
    }

    /// <summary>Notes that a row was delivered.</summary>
    internal void Succeeded()
    {
        BlockedUntil = 0;
        Probes = Math.Max(0, Probes - 1);
        if (Probes == 0)
        {
            // Each success admits one more, which doubles the attempts of a round trip.
            Ramp = Math.Min(FullRamp, Ramp + 1);
        }
    }
}
