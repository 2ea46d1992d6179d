using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Storage;

/// <summary>
/// Decides which suspects are attempted: rows that may have been under way when their owner died, and so may have killed it. A part of
/// <see cref="OutboxSchedule"/>, called under its lock.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>A suspect is attempted on trial, after a committed mark. Suspects have a rotation of their own.</item>
/// <item>An endpoint has at most 4 of the 16 permits. A tenant has at most as many as are free, so that its slow endpoints leave half of
/// them to other tenants.</item>
/// <item>A row that the next death puts into quarantine is attempted alone, when no other row is on trial and no row is being read.</item>
/// <item>If memory is full and the trials need more than 5 s for the suspects, these keep an eighth of it. Further ones are parked until
/// their turn.</item>
/// </list>
/// </remarks>
internal sealed class OutboxTrials
{
    /// <summary>The most rows that are on trial together.</summary>
    internal const int MaxOnTrial = 16;

    /// <summary>The most rows of one endpoint that are on trial together.</summary>
    internal const int MaxOnTrialPerEndpoint = 4;

    /// <summary>The longest time for which a row is parked until its trial.</summary>
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(30);

    private readonly OutboxScheduleLimits _limits;
    private readonly OutboxEndpoints _endpoints;
    private readonly TimeProvider _time;
    private readonly OutboxRotation _rotation;
    private Queue<OutboxRow> _alone = new();
    private int _waiting;
    private int _onTrial;
    private bool _isOneAlone;
    private int _ended;

    internal OutboxTrials(OutboxScheduleLimits limits, OutboxEndpoints endpoints, TimeProvider time)
    {
        _limits = limits;
        _endpoints = endpoints;
        _time = time;
        _rotation = new OutboxRotation(
            static endpoint => endpoint.Suspects,
            tenant => tenant.OnTrial < MaxOnTrial - _onTrial,
            endpoint => endpoint.OnTrial < MaxOnTrialPerEndpoint && endpoint.MayBegin(limits));
    }

    /// <summary>
    /// Gets or sets whether rows are being read. Among them may be suspects that come before a row that is attempted alone.
    /// </summary>
    internal bool IsReading { get; set; }

    /// <summary>Adds a suspect that is ready.</summary>
    internal void Add(OutboxEndpoint endpoint, OutboxRow row)
    {
        (row.Unclean < _limits.QuarantineAfter - 1 ? endpoint.Suspects : _alone).Enqueue(row);
        _waiting++;
    }

    /// <summary>Adds an endpoint to the rotation if it has a suspect and may begin its trial.</summary>
    internal void List(OutboxEndpoint endpoint) => _rotation.Add(endpoint);

    /// <summary>Takes the next suspect whose trial may begin.</summary>
    internal bool TryTake([NotNullWhen(true)] out OutboxEndpoint? endpoint, [NotNullWhen(true)] out OutboxRow? row)
    {
        endpoint = null;
        row = null;
        if (_waiting == 0 || _isOneAlone || _onTrial == MaxOnTrial)
        {
            return false;
        }

        if (!_rotation.TryTake(out endpoint, out row))
        {
            if (_onTrial > 0 || IsReading || !_alone.TryDequeue(out row))
            {
                return false;
            }

            _isOneAlone = true;
            endpoint = _endpoints.Get(row);
        }

        row.IsOnTrial = true;
        endpoint.OnTrial++;
        endpoint.Tenant.OnTrial++;
        _onTrial++;
        _waiting--;
        return true;
    }

    /// <summary>Notes that the attempt of a row has ended.</summary>
    internal void End(OutboxEndpoint endpoint, OutboxRow row)
    {
        if (row.IsOnTrial)
        {
            row.IsOnTrial = false;
            endpoint.OnTrial--;
            endpoint.Tenant.OnTrial--;
            _isOneAlone &= --_onTrial > 0;
            _ended++;
        }
    }

    /// <summary>Takes the suspects of an endpoint out of the rotation, without those that are attempted alone.</summary>
    internal OutboxRow[] Remove(OutboxEndpoint endpoint)
    {
        OutboxRow[] removed = [.. endpoint.Suspects];
        endpoint.Suspects.Clear();
        _waiting -= removed.Length;
        return removed;
    }

    /// <summary>Takes out rows that wait to be attempted alone.</summary>
    internal OutboxRow[] RemoveAlone(Func<OutboxRow, bool> isMeant)
    {
        OutboxRow[] removed = [.. _alone.Where(isMeant)];
        _alone = new Queue<OutboxRow>(_alone.Except(removed));
        _waiting -= removed.Length;
        return removed;
    }

    /// <summary>Parks suspects above their part of memory, until their turn comes, if the trials are too slow for them.</summary>
    /// <param name="elapsed">The time since the last call; <see langword="null"/> if memory was not full throughout.</param>
    /// <param name="changes">The list that gets the changes.</param>
    internal void Relieve(TimeSpan? elapsed, List<OutboxChange> changes)
    {
        if (elapsed is { } time && OutboxMemory.IsTooSlow(_ended, time, _waiting))
        {
            double rate = Math.Max(_ended / time.TotalSeconds, 1);
            changes.AddRange(RemoveAbove(_limits.SlowRows).Select((row, i) =>
                OutboxChanges.Wait(row, Delay(row, (_limits.SlowRows + i) / rate), OutboxReasons.OverShare)));
        }

        _ended = 0;
    }

    /// <summary>
    /// Returns how long a row is parked. The rate of the trials is of one second, and trials that hang now may soon end: so the delay is
    /// short, and at most half of the time that the row has left.
    /// </summary>
    private TimeSpan Delay(OutboxRow row, double untilTurn)
    {
        double seconds = Math.Min(untilTurn, MaxDelay.TotalSeconds);
        return TimeSpan.FromSeconds(
            row.TimeLeft - _time.GetElapsedTime(row.ReadAt) is { } left ? Math.Clamp(left.TotalSeconds / 2, 0, seconds) : seconds);
    }

    /// <summary>Takes out the suspects above a number, in the order of their turns.</summary>
    private OutboxRow[] RemoveAbove(int kept)
    {
        OutboxRow[] above =
        [
            .. _endpoints.All.SelectMany(static endpoint => endpoint.Suspects.Select(static (row, i) => (row, i)))
                .OrderBy(static some => some.i).Select(static some => some.row).Skip(kept),
        ];
        foreach (IGrouping<long, OutboxRow> rows in above.GroupBy(static row => row.Endpoint))
        {
            OutboxRowQueue suspects = _endpoints.Find(rows.Key)!.Suspects;
            OutboxRow[] first = [.. suspects.Take(suspects.Count - rows.Count())];
            suspects.Clear();
            Array.ForEach(first, suspects.Enqueue);
        }

        _waiting -= above.Length;
        return above;
    }
}
