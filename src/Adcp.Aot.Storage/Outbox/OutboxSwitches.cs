using System.Text.Json;
using Adcp.Aot.Resilience;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Applies the switches of operators in one worker: to its schedule, which attempts nothing of an isolated endpoint, and to its table of
/// endpoints, which shows it. Thread-safe.
/// </summary>
internal sealed partial class OutboxSwitches(
    OutboxSwitchTable table, OutboxSchedule schedule, EndpointTable endpoints, Action<OutboxChange> settle, ILogger logger) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<string, string> _isolated = new(StringComparer.Ordinal);
    private long _revision;

    /// <summary>Gets whether a switch may have changed since the last call of <see cref="RefreshAsync"/>, after a renewal.</summary>
    internal bool MayHaveChanged => table.Renewed is not { } revision || revision != Volatile.Read(ref _revision);

    /// <summary>Reads and applies the switches that changed since the last call.</summary>
    /// <param name="all">
    /// Whether to read all of them: the revisions of a restored database may be lower, and the worker may have missed rows that were
    /// purged.
    /// </param>
    /// <param name="cancellationToken">Ends the call.</param>
    internal async ValueTask RefreshAsync(bool all, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            IReadOnlyList<OutboxSwitch> changed =
                await table.ReadAsync(all ? 0 : _revision, cancellationToken).ConfigureAwait(false);
            Apply(changed, all);
            if (changed.Count > 0)
            {
                Volatile.Write(ref _revision, changed[^1].Revision);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private void Apply(IReadOnlyList<OutboxSwitch> changed, bool all)
    {
        List<OutboxSwitch> ofEndpoints = [.. changed.Where(static row => row.Target != OutboxSwitch.All)];
        if (all)
        {
            // A reset before this worker had the endpoint says nothing to it.
            HashSet<string> stopped = [.. ofEndpoints.Where(static row => row.IsStopped).Select(static row => row.Target)];
            ofEndpoints.RemoveAll(row => !row.IsStopped);
            foreach ((string target, string name) in _isolated.Where(known => !stopped.Contains(known.Key)).ToArray())
            {
                ofEndpoints.Add(new OutboxSwitch(target, false, name, "unknown", null, default, 0));
            }
        }

        foreach (OutboxSwitch row in changed.Where(static row => row.Target == OutboxSwitch.All))
        {
            if (schedule.IsPaused != row.IsStopped)
            {
                schedule.IsPaused = row.IsStopped;
                Log(row, row.IsStopped ? "paused" : "resumed");
            }
        }

        if (ofEndpoints.Count > 0)
        {
            Dictionary<string, string> keys = new(StringComparer.Ordinal);
            foreach (EndpointSnapshot endpoint in endpoints.Snapshot())
            {
                keys[OutboxHash.EndpointIdOf(endpoint.Key)] = endpoint.Key;
            }

            ofEndpoints.ForEach(row => Apply(row, keys.GetValueOrDefault(row.Target)));
        }
    }

    /// <param name="row">The switch of an endpoint.</param>
    /// <param name="key">The key of the endpoint; <see langword="null"/> if this worker has not met it.</param>
    private void Apply(OutboxSwitch row, string? key)
    {
        long endpoint = OutboxHash.EndpointOf(row.Target);
        if (row.IsStopped)
        {
            bool isNew = _isolated.TryAdd(row.Target, row.Name);
            foreach (OutboxRow ready in schedule.Isolate(endpoint))
            {
                settle(OutboxChanges.Wait(ready, TimeSpan.Zero, OutboxReasons.Isolated));
            }

            // The name of an endpoint without a secret, such as an origin, is its key.
            key ??= OutboxHash.EndpointIdOf(row.Name) == row.Target ? row.Name : null;
            if (key is not null)
            {
                endpoints.Isolate(key);
            }

            if (isNew)
            {
                Log(row, "isolated");
            }

            return;
        }

        _isolated.Remove(row.Target);
        if (key is not null)
        {
            endpoints.Reset(key);
        }

        schedule.Reset(endpoint);
        Log(row, "reset");
    }

    private void Log(OutboxSwitch row, string change) =>
        Switched(logger, row.Target, change, Escaped(row.Actor), row.Reason is { } reason ? Escaped(reason) : "none");

    /// <summary>Returns a text of one line in ASCII, which cannot look like another line of the log.</summary>
    private static string Escaped(string text) => JsonEncodedText.Encode(text).ToString();

    [LoggerMessage(
        StorageEventIds.OutboxSwitched, LogLevel.Warning,
        "The outbox worker applies an operator's action: endpoint {Target} was {Change} by {Actor}. Reason: {Reason}. The target \"all\" "
            + "is every delivery.")]
    private static partial void Switched(ILogger logger, string target, string change, string actor, string reason);
}
