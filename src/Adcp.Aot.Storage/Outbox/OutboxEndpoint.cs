namespace Adcp.Aot.Storage;

/// <summary>The state of one endpoint in the memory of its lane's owner. Guarded by the lock of <see cref="OutboxSchedule"/>.</summary>
internal sealed class OutboxEndpoint(short lane, long key, OutboxTenant tenant)
{
    /// <summary>The value of <see cref="BlockedUntil"/> until an operator resets the endpoint.</summary>
    internal const long Isolated = long.MaxValue;

    internal short Lane { get; } = lane;

    internal long Key { get; } = key;

    internal OutboxTenant Tenant { get; } = tenant;

    /// <summary>Gets the rows that were not attempted before.</summary>
    internal Queue<OutboxRow> Fresh { get; } = new();

    /// <summary>Gets the rows that were parked.</summary>
    internal Queue<OutboxRow> Retries { get; } = new();

    /// <summary>Gets the rows that wait for their trial, without those that are attempted alone.</summary>
    internal Queue<OutboxRow> Suspects { get; } = new();

    /// <summary>Gets or sets the rows on trial.</summary>
    internal int OnTrial { get; set; }

    /// <summary>Gets or sets the rows in memory: ready, in flight and unsettled.</summary>
    internal int Held { get; set; }

    /// <summary>Gets or sets the bytes of the rows in memory.</summary>
    internal long HeldBytes { get; set; }

    /// <summary>Gets or sets the attempts under way.</summary>
    internal int InFlight { get; set; }

    /// <summary>Gets or sets the parked rows in memory.</summary>
    internal int ParkedHeld { get; set; }

    /// <summary>Gets or sets whether the endpoint is in the rotation of fresh rows.</summary>
    internal bool IsFreshListed { get; set; }

    /// <summary>Gets or sets whether the endpoint is in the rotation of retries.</summary>
    internal bool IsRetryListed { get; set; }

    /// <summary>Gets or sets whether the endpoint is in the rotation of trials.</summary>
    internal bool IsTrialListed { get; set; }

    /// <summary>
    /// Gets or sets until when nothing is attempted because the circuit refuses, a timestamp; 0 if it does not,
    /// <see cref="Isolated"/> if an operator isolated the endpoint.
    /// </summary>
    internal long BlockedUntil { get; set; }

    internal bool IsIsolated => BlockedUntil == Isolated;

    /// <summary>
    /// Gets or sets how many attempts must succeed, one after the other, before more than one is made at a time: the circuit refused here,
    /// or it seems to have refused in the process that owned the lane before. 0 for an endpoint that works.
    /// </summary>
    internal int Probes { get; set; }

    /// <summary>Gets or sets the most parked rows in memory. 1 after a block, one more for each success.</summary>
    internal int Ramp { get; set; } = OutboxSchedule.FullRamp;

    /// <summary>Gets or sets whether the table of parked rows may have rows of the endpoint that are not in memory.</summary>
    internal bool HasParked { get; set; }

    /// <summary>Gets or sets when parked rows are read next, a timestamp; <see cref="long.MaxValue"/> for never.</summary>
    internal long ReadAt { get; set; } = long.MaxValue;

    /// <summary>Gets or sets whether a read of parked rows is under way.</summary>
    internal bool IsReading { get; set; }

    /// <summary>Gets or sets the key of the last parked row that was read. Rows up to it are in memory or settled.</summary>
    internal (long DueAt, long Id) Floor { get; set; } = (long.MinValue, long.MinValue);

    /// <summary>Gets or sets whether parked rows have left memory as they were, so that the floor has passed them.</summary>
    internal bool IsFloorStale { get; set; }

    /// <summary>Gets or sets whether the parked rows wait for room in the tenant's share.</summary>
    internal bool IsStarved { get; set; }

    /// <summary>Gets or sets whether the last read found no row behind its own.</summary>
    internal bool IsExhausted { get; set; }

    /// <summary>Gets whether nothing is to be remembered. The schedule remembers isolated endpoints apart.</summary>
    internal bool IsIdle => Held == 0 && InFlight == 0 && !HasParked && (BlockedUntil is 0 or Isolated) && ReadAt == long.MaxValue;
}
