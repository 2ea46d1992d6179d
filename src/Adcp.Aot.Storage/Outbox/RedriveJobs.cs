using System.Globalization;
using Adcp.Aot.Operations;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>Runs redrives in the background, and keeps the newest of them for those that ask. Thread-safe.</summary>
internal sealed partial class RedriveJobs(DeadLetters deadLetters, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>The most redrives that run at a time.</summary>
    internal const int MaxRunning = 8;

    /// <summary>The most redrives that are kept.</summary>
    private const int MaxKept = 100;

    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = [];
    private int _last;
    private bool _isDisposed;

    /// <summary>Starts a job. If the same one runs already, that one is returned.</summary>
    /// <returns>The job, and whether it was started now; no job if too many run.</returns>
    internal (RedriveJob? Job, bool IsNew) Start(DeadLetterQuery query, RedriveOptions options, string actor, string? reason)
    {
        Entry entry;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            Entry[] running = [.. _entries.Where(static some => some.Job.State == RedriveState.Running)];
            if (Array.Find(running, some => some.Job.IsDryRun == options.IsDryRun && IsSame(some.Job.Query, query)) is { } same)
            {
                return (same.Job, false);
            }

            if (running.Length >= MaxRunning)
            {
                return (null, false);
            }

            if (_entries.Count == MaxKept)
            {
                _entries.Remove(_entries.First(static some => some.Job.State != RedriveState.Running));
            }

            entry = new Entry(new RedriveJob
            {
                Id = (++_last).ToString(CultureInfo.InvariantCulture),
                State = RedriveState.Running,
                Query = query,
                IsDryRun = options.IsDryRun,
                Actor = actor,
                Reason = reason,
                StartedAt = time.GetUtcNow(),
                Report = new RedriveReport(),
            });
            _entries.Add(entry);
            entry.Ended = RunAsync(entry, options);
            return (entry.Job, true);
        }
    }

    /// <summary>Lists the jobs, the newest first.</summary>
    internal IReadOnlyList<RedriveJob> List()
    {
        lock (_lock)
        {
            return [.. _entries.Select(static entry => entry.Job).Reverse()];
        }
    }

    /// <summary>Cancels a job and waits for its end.</summary>
    /// <returns>The job, and whether it was cancelled by this call; no job if there is none with this id.</returns>
    internal async ValueTask<(RedriveJob? Job, bool IsCancelled)> CancelAsync(string id, CancellationToken cancellationToken)
    {
        Entry? entry;
        bool isRunning;
        lock (_lock)
        {
            entry = _entries.Find(some => some.Job.Id == id);
            isRunning = entry?.Job.State == RedriveState.Running;
        }

        if (entry is null)
        {
            return (null, false);
        }

        await entry.Stop.CancelAsync().ConfigureAwait(false);
        await entry.Ended.WaitAsync(cancellationToken).ConfigureAwait(false);
        return (entry.Job, isRunning);
    }

    /// <summary>Cancels all jobs and waits for the steps under way.</summary>
    public async ValueTask DisposeAsync()
    {
        Entry[] entries;
        lock (_lock)
        {
            _isDisposed = true;
            entries = [.. _entries];
        }

        foreach (Entry entry in entries)
        {
            await entry.Stop.CancelAsync().ConfigureAwait(false);
            await entry.Ended.ConfigureAwait(false);
        }
    }

    private static bool IsSame(DeadLetterQuery one, DeadLetterQuery other) =>
        one.Tenant == other.Tenant && one.Reason == other.Reason && one.EndpointId == other.EndpointId && one.Before == other.Before
        && one.NotificationType == other.NotificationType
        && (one.Ids ?? []).Order().SequenceEqual((other.Ids ?? []).Order()) && one.Ids is null == other.Ids is null;

    private async Task RunAsync(Entry entry, RedriveOptions options)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        RedriveState state;
        string? error = null;
        try
        {
            RedriveReport report = await deadLetters
                .RedriveAsync(entry.Job.Query, options with { Progress = new Progress(entry, options.Progress) }, entry.Stop.Token)
                .ConfigureAwait(false);
            entry.Job = entry.Job with { Report = report };
            state = report.ContinueBefore is null ? RedriveState.Done : RedriveState.Cancelled;
        }
        catch (Exception fault)
        {
            // Also a fault of the caller's own progress. The job must end in a state, whatever happened.
            JobFailed(logger, entry.Job.Id, fault.GetType().Name, fault.Message);
            state = RedriveState.Failed;
            error = $"{fault.GetType().Name}. The log has the reason.";
        }

        lock (_lock)
        {
            entry.Job = entry.Job with { State = state, EndedAt = time.GetUtcNow(), Error = error };
        }

        RedriveReport end = entry.Job.Report;
        JobEnded(
            logger, entry.Job.Id, state, entry.Job.IsDryRun, end.Redriven, end.OutsideHorizon + end.NotRepeatable + end.Missing);
    }

    [LoggerMessage(
        StorageEventIds.OutboxRedriveEnded, LogLevel.Information,
        "Redrive {Id} of dead letters ended as {State} (dry run: {IsDryRun}): {Redriven} redriven, {Left} left.")]
    private static partial void JobEnded(ILogger logger, string id, RedriveState state, bool isDryRun, int redriven, int left);

    [LoggerMessage(
        StorageEventIds.OutboxRedriveFailed, LogLevel.Error,
        "Redrive {Id} of dead letters failed: {Type}: {Fault}. Start it again: dead letters that were redriven are not there any more.")]
    private static partial void JobFailed(ILogger logger, string id, string type, string fault);

    private sealed class Entry(RedriveJob job)
    {
        private RedriveJob _job = job;

        internal RedriveJob Job
        {
            get => Volatile.Read(ref _job);
            set => Volatile.Write(ref _job, value);
        }

        /// <summary>Gets the source that ends the job. It has no timer and no registration, so that it needs no disposal.</summary>
        internal CancellationTokenSource Stop { get; } = new();

        internal Task Ended { get; set; } = Task.CompletedTask;
    }

    /// <summary>Keeps the report of each step. Only the job's own loop writes it.</summary>
    private sealed class Progress(Entry entry, IProgress<RedriveReport>? next) : IProgress<RedriveReport>
    {
        public void Report(RedriveReport value)
        {
            entry.Job = entry.Job with { Report = value };
            next?.Report(value);
        }
    }
}
