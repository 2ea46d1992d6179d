namespace Adcp.Aot.Storage;

/// <summary>The rows of one tenant in the memory of a worker. Guarded by the lock of <see cref="OutboxSchedule"/>.</summary>
internal sealed class OutboxTenant(long key)
{
    internal long Key { get; } = key;

    /// <summary>Gets or sets the number of endpoints that are remembered.</summary>
    internal int Endpoints { get; set; }

    /// <summary>Gets or sets the number of rows in memory: ready, in flight and unsettled.</summary>
    internal int Held { get; set; }

    /// <summary>Gets or sets the bytes of the rows in memory.</summary>
    internal long HeldBytes { get; set; }

    /// <summary>Gets or sets the number of attempts under way.</summary>
    internal int InFlight { get; set; }

    /// <summary>Gets or sets the number of rows on trial.</summary>
    internal int OnTrial { get; set; }

    /// <summary>Gets or sets the bytes of the rows that are attempted.</summary>
    internal long InFlightBytes { get; set; }

    /// <summary>Gets or sets the number of attempts that ended since the last look at the rates.</summary>
    internal int Ended { get; set; }

    /// <summary>
    /// Gets or sets whether the tenant has only its share of memory, because its endpoints answer too slowly for the rows that it has in
    /// memory.
    /// </summary>
    internal bool IsSlow { get; set; }

    /// <summary>Gets the endpoints whose parked rows wait for room in the tenant's share.</summary>
    internal Queue<OutboxEndpoint> Starved { get; } = new();
}
