using System.Globalization;
using Adcp.Aot.Operations;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>Runs redrives and discards in the background, and keeps the newest of them for those that ask. Thread-safe.</summary>
internal sealed partial class DeadLetterJobs(TimeProvider time, ILogger logger) : IAsyncDisposable
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
    /// <param name="isDiscard">Whether the dead letters are deleted.</param>
    /// <param name="isDryRun">Whether the job only counts.</param>
    /// <param name="action">The person or program that acts, and the reason.</param>
    /// <param name="runAsync">Does the work of the job, and reports its progress.</param>
    /// <returns>The job, and whether it was started now; no job if too many run.</returns>
    internal (DeadLetterJob? Job, bool IsNew) Start(
        DeadLetterQuery query, bool isDiscard, bool isDryRun, OperatorAction action,
        Func<IProgress<DeadLetterReport>, CancellationToken, ValueTask<DeadLetterReport>> runAsync)
    {
        Entry entry;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            Entry[] running = [.. _entries.Where(static some => some.Job.State == DeadLetterJobState.Running)];
            if (Array.Find(running, some => some.Job.IsDryRun == isDryRun && some.Job.IsDiscard == isDiscard
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
                IsDryRun = isDryRun,
                Actor = action.Actor,
                Reason = action.Reason,
                StartedAt = time.GetUtcNow(),
                Report = new DeadLetterReport(),
            });
            _entries.Add(entry);
            entry.Ended = RunAsync(entry, runAsync);
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

    private async Task RunAsync(
        Entry entry, Func<IProgress<DeadLetterReport>, CancellationToken, ValueTask<DeadLetterReport>> runAsync)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        DeadLetterJobState state;
        string? error = null;
        try
        {
            DeadLetterReport report = await runAsync(new Progress(entry, time), entry.Stop.Token).ConfigureAwait(false);
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
            entry.Job = entry.Job with
            {
                State = state,
                EndedAt = time.GetUtcNow(),
                Error = error,
                RatePerSecond = null,
                Report = entry.Job.Report with { Wait = RedriveWait.None },
            };
        }

        DeadLetterReport end = entry.Job.Report;
        JobEnded(
            logger, entry.Job.IsDiscard ? "Discard" : "Redrive", entry.Job.Id, state, entry.Job.IsDryRun, end.Handled,
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

    /// <summary>Keeps the report of each step, and the rate of the last seconds. Only the job's own loop writes it.</summary>
    private sealed class Progress : IProgress<DeadLetterReport>
    {
        private static readonly TimeSpan Kept = TimeSpan.FromSeconds(10);
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

        private readonly Entry _entry;
        private readonly TimeProvider _time;
        private readonly Queue<(long At, int Handled)> _past = new();
        private long _notedAt;

        internal Progress(Entry entry, TimeProvider time)
        {
            _entry = entry;
            _time = time;
            _notedAt = time.GetTimestamp();
            _past.Enqueue((_notedAt, 0));
        }

        public void Report(DeadLetterReport value)
        {
            long now = _time.GetTimestamp();
            while (_past.Count > 1 && _time.GetElapsedTime(_past.Peek().At, now) > Kept)
            {
                _past.Dequeue();
            }

            (long at, int handled) = _past.Peek();
            double seconds = Math.Max(_time.GetElapsedTime(at, now).TotalSeconds, Interval.TotalSeconds);
            _entry.Job = _entry.Job with { Report = value, RatePerSecond = (int)Math.Round((value.Handled - handled) / seconds) };
            if (_time.GetElapsedTime(_notedAt, now) >= Interval)
            {
                _notedAt = now;
                _past.Enqueue((now, value.Handled));
            }
        }
    }
}
