namespace Adcp.Aot.Storage;

/// <summary>
/// Decides when the parked rows of an endpoint are read, and from where. A part of <see cref="OutboxSchedule"/>, called under its lock.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>An endpoint has one timer, for its next row that is due. No timer ends before its circuit admits an attempt.</item>
/// <item>A read begins behind the floor, the last row of the read before. It begins at the first row again if none is behind the floor,
/// or if parked rows left memory as they were and none of the endpoint's is left there.</item>
/// <item>If the share of an endpoint is full, the release of its rows arms the timer: when half of it is free, or all of it after a read
/// that found no row behind its own.</item>
/// <item>If the share of a slow tenant is full, its endpoint is starved: it waits in line with others until a sixteenth is free.</item>
/// </list>
/// </remarks>
internal sealed class OutboxParkedReads(
    OutboxScheduleLimits limits, OutboxEndpoints endpoints, OutboxMemory memory, TimeProvider time)
{
    private readonly PriorityQueue<OutboxEndpoint, long> _timers = new();
    private readonly Queue<OutboxTenant> _starving = new();

    /// <summary>Notes that an endpoint has a parked row in the store.</summary>
    internal void Add(OutboxEndpoint endpoint, TimeSpan dueIn)
    {
        endpoint.HasParked = true;
        endpoint.IsExhausted = false;
        Arm(endpoint, After(dueIn));
    }

    /// <summary>Takes an endpoint whose parked rows are to be read now.</summary>
    /// <returns>
    /// The lane, the key, the floor, and the number of rows and the bytes to read; <see langword="null"/> if none is due.
    /// </returns>
    internal (short Lane, long Key, (long DueAt, long Id) Floor, int Limit, long MaxBytes)? TakeDue()
    {
        ArmStarved();
        while (_timers.TryPeek(out OutboxEndpoint? endpoint, out long at) && at <= time.GetTimestamp())
        {
            _timers.Dequeue();
            if (endpoint.ReadAt != at || endpoints.Find(endpoint.Key) != endpoint)
            {
                continue;
            }

            endpoint.ReadAt = long.MaxValue;
            if (endpoint.BlockedUntil > time.GetTimestamp())
            {
                Arm(endpoint, endpoint.BlockedUntil);
                continue;
            }

            int free = memory.ParkedShare(endpoint) - endpoint.ParkedHeld;
            if (free <= 0 || (endpoint.IsFloorStale && endpoint.ParkedHeld > 0))
            {
                // The release of one of its rows arms the timer.
                continue;
            }

            int room = memory.RoomOf(endpoint.Tenant);
            if (room == 0)
            {
                Starve(endpoint);
                continue;
            }

            if (endpoint.IsFloorStale)
            {
                endpoint.IsFloorStale = false;
                endpoint.Floor = OutboxEndpoint.Beginning;
            }

            endpoint.IsReading = true;
            return (endpoint.Lane, endpoint.Key, endpoint.Floor, Math.Min(room, free), memory.ParkedBytes(endpoint));
        }

        return null;
    }

    /// <summary>Ends the read of <see cref="TakeDue"/>, before its rows are admitted.</summary>
    /// <param name="key">The endpoint.</param>
    /// <param name="rows">The rows read; none if the read failed.</param>
    /// <param name="nextIn">
    /// The time until the next row is due, or until a read that failed is made again; <see langword="null"/> if there is none behind those
    /// read.
    /// </param>
    internal void Read(long key, IReadOnlyList<OutboxRow> rows, TimeSpan? nextIn)
    {
        if (endpoints.Find(key) is not { } endpoint)
        {
            return;
        }

        endpoint.IsReading = false;
        if (rows.Count > 0)
        {
            endpoint.Floor = (rows[^1].DueAt, rows[^1].Id);
        }

        if (nextIn is { } next)
        {
            Arm(endpoint, After(next));
            return;
        }

        endpoint.IsExhausted = endpoint.ReadAt == long.MaxValue;
        if (endpoint.ParkedHeld > 0 || rows.Count > 0)
        {
            // The end of the last of these rows leads here again.
            return;
        }

        if (endpoint.Floor != OutboxEndpoint.Beginning)
        {
            // A database clock that stepped back may have left rows before the floor.
            endpoint.Floor = OutboxEndpoint.Beginning;
            Arm(endpoint, time.GetTimestamp());
        }
        else if (endpoint.ReadAt == long.MaxValue)
        {
            // No row was parked while the read was under way.
            endpoint.HasParked = false;
            endpoints.ForgetIfIdle(endpoint);
        }
    }

    /// <summary>Arms the timer of an endpoint of which a row left memory, if its share has room for a read.</summary>
    internal void Released(OutboxEndpoint endpoint)
    {
        if (!endpoint.HasParked || endpoint.IsReading || endpoint.ReadAt != long.MaxValue)
        {
            return;
        }

        int share = memory.ParkedShare(endpoint);
        if (share > 0 && endpoint.ParkedHeld <= (endpoint.IsExhausted || endpoint.IsFloorStale ? 0 : share / 2))
        {
            Arm(endpoint, time.GetTimestamp());
        }
    }

    /// <summary>Returns how long until the next timer, at most a given time.</summary>
    internal TimeSpan UntilNext(TimeSpan most)
    {
        if (!_timers.TryPeek(out _, out long at))
        {
            return most;
        }

        TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), at);
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < most ? left : most;
    }

    /// <summary>Returns the timestamp after a delay.</summary>
    internal long After(TimeSpan delay) => time.GetTimestamp() + (long)(delay.TotalSeconds * time.TimestampFrequency);

    private void Arm(OutboxEndpoint endpoint, long at)
    {
        at = Math.Max(at, endpoint.BlockedUntil);
        if (at < endpoint.ReadAt)
        {
            endpoint.ReadAt = at;
            _timers.Enqueue(endpoint, at);
        }
    }

    private void Starve(OutboxEndpoint endpoint)
    {
        if (endpoint.IsStarved)
        {
            return;
        }

        if (endpoint.Tenant.Starved.Count == 0)
        {
            _starving.Enqueue(endpoint.Tenant);
        }

        endpoint.IsStarved = true;
        endpoint.Tenant.Starved.Enqueue(endpoint);
    }

    /// <summary>Arms the timer of the endpoint that has waited longest, for each tenant whose share has room.</summary>
    private void ArmStarved()
    {
        for (int turns = _starving.Count; turns > 0 && _starving.TryDequeue(out OutboxTenant? tenant); turns--)
        {
            while (memory.RoomOf(tenant) >= Math.Max(1, limits.SlowRows / 16) && tenant.Starved.TryDequeue(out OutboxEndpoint? endpoint))
            {
                if (endpoint.IsStarved)
                {
                    endpoint.IsStarved = false;
                    Arm(endpoint, time.GetTimestamp());
                    break;
                }
            }

            if (tenant.Starved.Count > 0)
            {
                _starving.Enqueue(tenant);
            }
        }
    }
}
