using System.Globalization;
using Adcp.Aot.Operations;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>Runs redrives and discards in the background, and keeps the newest of them for those that ask. Thread-safe.</summary>
internal sealed partial class DeadLetterJobs(DeadLetters deadLetters, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>The most jobs that run at a time.</summary>
    internal const int MaxRunning = 8;

    /// <summary>The most jobs that are kept.</summary>
    private const int MaxKept = 100;

    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = [];
    private int _last;
    private bool _isDisposed;

    /// <summary>Starts a job. If the same one runs already, that one is returned.</summary>
    /// <param name="query">The dead letters.</param>
    /// <param name="options">The options of a redrive; of a discard only whether it is a dry run.</param>
    /// <param name="isDiscard">Whether the dead letters are deleted.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <returns>The job, and whether it was started now; no job if too many run.</returns>
    internal (DeadLetterJob? Job, bool IsNew) Start(
        DeadLetterQuery query, RedriveOptions options, bool isDiscard, OperatorAction action)
    {
        Entry entry;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            Entry[] running = [.. _entries.Where(static some => some.Job.State == DeadLetterJobState.Running)];
            if (Array.Find(running, some => some.Job.IsDryRun == options.IsDryRun && some.Job.IsDiscard == isDiscard
                && IsSame(some.Job.Query, query)) is { } same)
            {
                return (same.Job, false);
            }

            if (running.Length >= MaxRunning)
            {
                return (null, false);
            }

            if (_entries.Count == MaxKept)
            {
                _entries.Remove(_entries.First(static some => some.Job.State != DeadLetterJobState.Running));
            }

            entry = new Entry(new DeadLetterJob
            {
                Id = (++_last).ToString(CultureInfo.InvariantCulture),
                State = DeadLetterJobState.Running,
                Query = query,
                IsDiscard = isDiscard,
                IsDryRun = options.IsDryRun,
                Actor = action.Actor,
                Reason = action.Reason,
                StartedAt = time.GetUtcNow(),
                Report = new DeadLetterReport(),
            });
            _entries.Add(entry);
            entry.Ended = RunAsync(entry, options);
            return (entry.Job, true);
        }
    }

    /// <summary>Lists the jobs, the newest first.</summary>
    internal IReadOnlyList<DeadLetterJob> List()
    {
        lock (_lock)
        {
            return [.. _entries.Select(static entry => entry.Job).Reverse()];
        }
    }

    /// <summary>Cancels a job and waits for its end.</summary>
    /// <returns>The job, and whether it was cancelled by this call; no job if there is none with this id.</returns>
    internal async ValueTask<(DeadLetterJob? Job, bool IsCancelled)> CancelAsync(string id, CancellationToken cancellationToken)
    {
        Entry? entry;
        bool isRunning;
        lock (_lock)
        {
            entry = _entries.Find(some => some.Job.Id == id);
            isRunning = entry?.Job.State == DeadLetterJobState.Running;
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
        DeadLetterJobState state;
        string? error = null;
        try
        {
            Progress progress = new(entry, options.Progress);
            DeadLetterReport report = entry.Job.IsDiscard
                ? await deadLetters.DiscardAsync(entry.Job.Query, options.IsDryRun, progress, entry.Stop.Token).ConfigureAwait(false)
                : await deadLetters.RedriveAsync(entry.Job.Query, options with { Progress = progress }, entry.Stop.Token)
                    .ConfigureAwait(false);
            entry.Job = entry.Job with { Report = report };
            state = report.ContinueBefore is null ? DeadLetterJobState.Done : DeadLetterJobState.Cancelled;
        }
        catch (Exception fault)
        {
            // Also a fault of the caller's own progress. The job must end in a state, whatever happened.
            JobFailed(logger, entry.Job.IsDiscard ? "Discard" : "Redrive", entry.Job.Id, fault.GetType().Name, fault.Message);
            state = DeadLetterJobState.Failed;
            error = $"{fault.GetType().Name}. The log has the reason.";
        }

        lock (_lock)
        {
            entry.Job = entry.Job with { State = state, EndedAt = time.GetUtcNow(), Error = error };
        }

        DeadLetterReport end = entry.Job.Report;
        JobEnded(
            logger, entry.Job.IsDiscard ? "Discard" : "Redrive", entry.Job.Id, state, entry.Job.IsDryRun, end.Redriven + end.Discarded,
            end.OutsideHorizon + end.NotRepeatable + end.Missing);
    }

    [LoggerMessage(
        StorageEventIds.OutboxJobEnded, LogLevel.Information,
        "{Job} {Id} of dead letters ended as {State} (dry run: {IsDryRun}): {Handled} handled, {Left} left.")]
    private static partial void JobEnded(
        ILogger logger, string job, string id, DeadLetterJobState state, bool isDryRun, int handled, int left);

    [LoggerMessage(
        StorageEventIds.OutboxJobFailed, LogLevel.Error,
        "{Job} {Id} of dead letters failed: {Type}: {Fault}. Start it again: dead letters that were handled are not there any more.")]
    private static partial void JobFailed(ILogger logger, string job, string id, string type, string fault);

    private sealed class Entry(DeadLetterJob job)
    {
        private DeadLetterJob _job = job;

        internal DeadLetterJob Job
        {
            get => Volatile.Read(ref _job);
            set => Volatile.Write(ref _job, value);
        }

        /// <summary>Gets the source that ends the job. It has no timer and no registration, so that it needs no disposal.</summary>
        internal CancellationTokenSource Stop { get; } = new();

        internal Task Ended { get; set; } = Task.CompletedTask;
    }

    /// <summary>Keeps the report of each step. Only the job's own loop writes it.</summary>
    private sealed class Progress(Entry entry, IProgress<DeadLetterReport>? next) : IProgress<DeadLetterReport>
    {
        public void Report(DeadLetterReport value)
        {
            entry.Job = entry.Job with { Report = value };
            next?.Report(value);
        }
    }
}
