using Adcp.Aot.Operations;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Storage;

/// <content>Endpoints: the list, isolation, reset and the pause of all deliveries. They are switches in the store.</content>
public sealed partial class OutboxOperations
{
    /// <summary>The most endpoints with parked rows that a process without a worker lists.</summary>
    private const int MaxParkedEndpoints = 1000;

    /// <summary>The most actions that are read from the store.</summary>
    private const int MaxStoredActions = 1000;

    /// <summary>The target of a pause.</summary>
    private const string AllDeliveries = "all deliveries";

    /// <summary>The highest backlog that is counted.</summary>
    private const int MaxBacklog = 10_000;

    /// <summary>
    /// Lists the endpoints that this process's worker has met, and those that are isolated in the store. A process without a worker lists
    /// those that are isolated, and the first 1,000 that have webhooks waiting for a later attempt.
    /// </summary>
    /// <inheritdoc/>
    public override async ValueTask<OperationsPage<EndpointStatus>> ListEndpointsAsync(
        EndpointQuery? query = null, CancellationToken cancellationToken = default)
    {
        (OperationsStatus _, IReadOnlyList<OutboxSwitch> stopped) = await ReadStoreAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<EndpointStatus> known = EndpointsHere();
        if (_worker is null)
        {
            Guid installation = await _store.InstallationAsync(cancellationToken).ConfigureAwait(false);
            IReadOnlyList<EndpointStatus> parked = await _store
                .ListParkedEndpointsAsync(MaxParkedEndpoints, row => Describe(row, installation), cancellationToken)
                .ConfigureAwait(false);
            known = [.. parked.DistinctBy(static endpoint => endpoint.Id)];
        }

        OperationsPage<EndpointStatus> page = PageOf(WithIsolation(known, stopped), query);
        return page with { Items = await WithBacklogAsync(page.Items, cancellationToken).ConfigureAwait(false) };
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">10,000 endpoints are isolated or were reset within a day.</exception>
    public override ValueTask<EndpointStatus?> IsolateAsync(
        string endpointId, OperatorAction action, CancellationToken cancellationToken = default) =>
        SwitchAsync(endpointId, isStopped: true, action, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">10,000 endpoints are isolated or were reset within a day.</exception>
    public override ValueTask<EndpointStatus?> ResetAsync(
        string endpointId, OperatorAction action, CancellationToken cancellationToken = default) =>
        SwitchAsync(endpointId, isStopped: false, action, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<OperationsStatus> PauseAsync(OperatorAction action, CancellationToken cancellationToken = default) =>
        SwitchAllAsync(isStopped: true, action, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<OperationsStatus> ResumeAsync(OperatorAction action, CancellationToken cancellationToken = default) =>
        SwitchAllAsync(isStopped: false, action, cancellationToken);

    /// <summary>
    /// Lists the actions of all processes that the store keeps, the newest first, 1,000 at most: the last pause or resumption, the
    /// isolation of each endpoint that is isolated, and resets of the last day. Redrives and discards are not kept.
    /// </summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="System.Data.Common.DbException">The database cannot be reached.</exception>
    public async ValueTask<IReadOnlyList<ActionRecord>> ListStoredActionsAsync(CancellationToken cancellationToken = default)
    {
        IReadOnlyList<OutboxSwitch> switches = await _store.Switches.ReadAsync(0, cancellationToken).ConfigureAwait(false);

        // The revision of the pause's row is that of the newest change of any row.
        return
        [
            .. switches.Where(static row => row.Actor.Length > 0).OrderByDescending(static row => row.ChangedAt)
                .ThenByDescending(static row => row.Target == OutboxSwitch.All ? 0 : row.Revision).Take(MaxStoredActions)
                .Select(static row => row.Target == OutboxSwitch.All
                    ? new ActionRecord(row.ChangedAt, row.Actor, row.IsStopped ? "pause" : "resume", AllDeliveries, row.Reason)
                    : new ActionRecord(row.ChangedAt, row.Actor, row.IsStopped ? "isolate" : "reset", row.Name, row.Reason)),
        ];
    }

    private static OperatorStop? StopOf(IReadOnlyList<OutboxSwitch> stopped, string target) =>
        stopped.FirstOrDefault(row => row.Target == target) is { } row ? StopOf(row) : null;

    private static OperatorStop StopOf(OutboxSwitch row) => new(row.ChangedAt, row.Actor, row.Reason);

    /// <summary>Returns endpoints with those that are isolated in the store.</summary>
    private static List<EndpointStatus> WithIsolation(IReadOnlyList<EndpointStatus> known, IReadOnlyList<OutboxSwitch> stopped)
    {
        Dictionary<string, OutboxSwitch> isolated = stopped.Where(static row => row.Target != OutboxSwitch.All)
            .ToDictionary(static row => row.Target, StringComparer.Ordinal);
        List<EndpointStatus> all = [];
        foreach (EndpointStatus endpoint in known)
        {
            all.Add(isolated.Remove(endpoint.Id, out OutboxSwitch? row)
                ? endpoint with
                {
                    Name = endpoint.Name == endpoint.Id ? row.Name : endpoint.Name,
                    State = CircuitState.Isolated,
                    NextProbeIn = null,
                    Isolation = StopOf(row),
                }
                : endpoint);
        }

        all.AddRange(isolated.Values.Select(static row => new EndpointStatus
        {
            Id = row.Target,
            Name = row.Name,
            State = CircuitState.Isolated,
            Isolation = StopOf(row),
        }));
        return all;
    }

    /// <summary>Returns endpoints with their backlog; without it if the store does not answer, and this process has a worker.</summary>
    private async ValueTask<IReadOnlyList<EndpointStatus>> WithBacklogAsync(
        IReadOnlyList<EndpointStatus> endpoints, CancellationToken cancellationToken)
    {
        if (endpoints.Count == 0)
        {
            return endpoints;
        }

        long[] hashes = [.. endpoints.Select(static endpoint => OutboxHash.EndpointOf(endpoint.Id))];
        IReadOnlyList<long> parked;
        try
        {
            // The driver of SQLite is synchronous.
            parked = await Task.Run(() => _store.CountParkedAsync(hashes, MaxBacklog, cancellationToken).AsTask(), cancellationToken)
                .WaitAsync(_worker is null ? Timeout.InfiniteTimeSpan : ReadTimeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (_worker is not null && fault is not OperationCanceledException)
        {
            return endpoints;
        }

        return
        [
            .. endpoints.Select((endpoint, i) =>
                endpoint with { Backlog = Math.Min(MaxBacklog, parked[i] + (_worker?.FreshOf(hashes[i]) ?? 0)) }),
        ];
    }

    /// <summary>Counts the endpoints that are isolated in the store, in this worker, or in both.</summary>
    private int CountIsolated(int? here, IReadOnlyList<OutboxSwitch> stopped)
    {
        HashSet<string> ids = [.. stopped.Where(static row => row.Target != OutboxSwitch.All).Select(static row => row.Target)];
        if (ids.Count == 0 || _worker is null)
        {
            return here ?? ids.Count;
        }

        ids.UnionWith(_worker.Endpoints.Snapshot().Where(static endpoint => endpoint.State == CircuitState.Isolated)
            .Select(static endpoint => OutboxHash.EndpointIdOf(endpoint.Key)));
        return ids.Count;
    }

    private async ValueTask<EndpointStatus?> SwitchAsync(
        string endpointId, bool isStopped, OperatorAction action, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpointId);
        ArgumentNullException.ThrowIfNull(action);
        if (!OutboxHash.IsEndpointId(endpointId)
            || await FindEndpointAsync(endpointId, cancellationToken).ConfigureAwait(false) is not { } known)
        {
            return null;
        }

        OutboxSwitch done = await SetAsync(endpointId, isStopped, known.Name, action, cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException(
                $"The outbox keeps {OutboxSwitchTable.MaxSwitches} endpoints that are isolated or were reset within a day. Reset endpoints "
                + "that are isolated, and purge the outbox a day later.");
        Record(action, isStopped ? "isolate" : "reset", known.Name);
        EndpointStatus now = EndpointsHere().FirstOrDefault(endpoint => endpoint.Id == endpointId) ?? known;
        return isStopped
            ? now with { State = CircuitState.Isolated, NextProbeIn = null, Isolation = StopOf(done) }
            : now with { State = _worker is null ? null : CircuitState.Closed, ConsecutiveFailures = 0, NextProbeIn = null };
    }

    private async ValueTask<OperationsStatus> SwitchAllAsync(bool isStopped, OperatorAction action, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(action);
        _ = await SetAsync(OutboxSwitch.All, isStopped, "", action, cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException(
                "The outbox's table of switches has no row for all deliveries. Create the outbox's tables anew.");
        Record(action, isStopped ? "pause" : "resume", AllDeliveries);
        return await GetStatusAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<OutboxSwitch?> SetAsync(
        string target, bool isStopped, string name, OperatorAction action, CancellationToken cancellationToken)
    {
        OutboxSwitch? done = await _store.Switches.SetAsync(target, isStopped, name, action.Actor, action.Reason, cancellationToken)
            .ConfigureAwait(false);
        lock (_lock)
        {
            _reading = null;
        }

        if (done is not null && _worker is not null)
        {
            try
            {
                await _worker.RefreshSwitchesAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // The switch is set: this worker applies it at the next renewal of its lease, as all others do.
            }
        }

        return done;
    }

    /// <summary>Returns an endpoint that this process, a switch or a row of the outbox knows; otherwise <see langword="null"/>.</summary>
    private async ValueTask<EndpointStatus?> FindEndpointAsync(string id, CancellationToken cancellationToken)
    {
        if (EndpointsHere().FirstOrDefault(endpoint => endpoint.Id == id) is { } here)
        {
            return here;
        }

        IReadOnlyList<OutboxSwitch> switches = await _store.Switches.ReadAsync(0, cancellationToken).ConfigureAwait(false);
        if (switches.FirstOrDefault(row => row.Target == id) is { } known)
        {
            return new EndpointStatus { Id = id, Name = known.Name, State = null };
        }

        long endpoint = OutboxHash.EndpointOf(id);
        Guid installation = await _store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        if (await _store.FindParkedAsync(endpoint, cancellationToken).ConfigureAwait(false) is { } parked)
        {
            return Describe(parked, installation);
        }

        IReadOnlyList<OutboxDeadRow> dead = await _store.Dead
            .ListAsync(new OutboxDeadFilter(null, endpoint, null), long.MaxValue, 1, cancellationToken).ConfigureAwait(false);
        return dead is [OutboxDeadRow row]
            ? Describe(new OutboxWaitingRow(
                row.Id, row.Lane, row.Endpoint, row.Tenant, row.KeyId, row.Attempts, row.EnqueuedAt, row.Sealed), installation)
            : null;
    }

    /// <summary>Returns the endpoint of a row. Its name is its id if the row cannot be read.</summary>
    private EndpointStatus Describe(OutboxWaitingRow row, Guid installation)
    {
        string id = OutboxHash.EndpointId(row.Endpoint);
        OutboxWebhook? webhook = null;
        _ = _seal?.Open(row.Sealed, row.KeyId, installation, row.Lane, row.Endpoint, row.Tenant, out webhook);
        return webhook?.EndpointKey is { } key
            ? EndpointStatus.Of(new EndpointSnapshot(key, CircuitState.Closed, 0, 0, 0, default, null)) with { Id = id, State = null }
            : new EndpointStatus { Id = id, Name = id, State = null };
    }
}
