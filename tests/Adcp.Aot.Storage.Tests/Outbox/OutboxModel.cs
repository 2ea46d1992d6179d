using System.Diagnostics.CodeAnalysis;
using Adcp.Aot.Delivery;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Processes that share an outbox in memory under one clock, and the history of their attempts and faults.</summary>
internal sealed class OutboxModel : IDisposable
{
    private readonly RecordingSender _enqueuer = Senders.Always(200);
    private readonly SqlWebhookOutbox _outbox;
    private readonly List<Process> _processes = [];
    private int _started;

    public OutboxModel()
    {
        Store = new InMemoryOutboxStore(Time) { Removed = OnRemoved };
        _outbox = new SqlWebhookOutbox(Store, _enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = Time });
    }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UnixEpoch.AddYears(50));

    public InMemoryOutboxStore Store { get; }

    public OutboxHistory History { get; } = new();

    /// <summary>Gets the processes that are neither dead nor stopped.</summary>
    public IReadOnlyList<Process> Processes
    {
        get
        {
            lock (_processes)
            {
                return [.. _processes.Where(static process => !process.IsDead && !process.IsStopping)];
            }
        }
    }

    /// <summary>Gets how long a worker without a renewal counts as alive.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Gets the delay after the first failed attempt.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Gets the answer to an attempt, and how long its request is under way. Status 0: it never arrives.</summary>
    public required Func<Process, PreparedWebhook, int, (TimeSpan Travel, int Status)> Answer { get; init; }

    /// <summary>Commits a webhook.</summary>
    /// <param name="host">The host that receives it.</param>
    /// <param name="tenant">The tenant.</param>
    /// <param name="stream">The stream whose order it keeps; <see langword="null"/> for none.</param>
    public async Task EnqueueAsync(string host, string tenant = "t1", string? stream = null)
    {
        OutboxItem item = OutboxHarness.Item(host, tenant, stream: stream);
        item = new OutboxItem(item.Destination, item.Payload, item.Options with { KeepsOrder = stream is not null });
        History.Accept((await _outbox.EnqueueAsync(null, [item]))[0].IdempotencyKey, stream);
    }

    /// <summary>Starts a process. It may be dead when this returns.</summary>
    /// <param name="plan">The fate of each call of its store. The call "attempt" is a request: it can only end the process.</param>
    public async Task<Process> StartAsync(Func<Process, string, StoreFault> plan)
    {
        while (true)
        {
            Process process = new(this, $"p{++_started}", plan);
            lock (_processes)
            {
                _processes.Add(process);
            }

            Task started = process.Worker.StartAsync();
            await Time.RunUntilAsync(() => started.IsCompleted || process.IsDead);
            if (!started.IsFaulted)
            {
                return process;
            }

            // A start that fails is reported to the caller, who starts again.
            process.IsStopping = true;
        }
    }

    /// <summary>Stops a process as a host does. It may die meanwhile.</summary>
    public async Task StopAsync(Process process)
    {
        process.IsStopping = true;
        DateTimeOffset from = Time.GetUtcNow();
        Task<OutboxStopReport> stopped = process.Worker.StopAsync(TimeSpan.FromSeconds(2));
        await Time.RunUntilAsync(() => stopped.IsCompleted || process.IsDead);
        if (!process.IsDead && (await stopped).MayRepeat)
        {
            History.Fail(process.Name, "stopped with work left", from, Time.GetUtcNow());
        }
    }

    /// <summary>Lets time pass until nothing waits.</summary>
    /// <returns>The rows that still wait; empty if there are none.</returns>
    public async Task<string> FinishAsync(TimeSpan longest)
    {
        DateTimeOffset until = Time.GetUtcNow() + longest;
        while (Store.Waiting > 0 && Time.GetUtcNow() < until)
        {
            // A jump is a quarter of the time between renewals.
            await Time.RunForAsync(TimeSpan.FromMilliseconds(40));
            Time.Advance(Lease / 20);
        }

        string left = Store.Waiting > 0 ? Store.Describe() : "";
        Task stopped = Task.WhenAll(Processes.Select(StopAsync));
        await Time.RunUntilAsync(() => stopped.IsCompleted);
        await stopped;
        return left;
    }

    public void Dispose() => _enqueuer.Dispose();

    /// <summary>Notes that a lease was lost. A worker that stops removes its own row too.</summary>
    private void OnRemoved(string name, bool byAnother)
    {
        Process process;
        lock (_processes)
        {
            process = _processes.Single(process => process.Name == name);
        }

        if (byAnother || !process.IsStopping)
        {
            History.Fail(name, "lost its lease", Time.GetUtcNow());
        }
    }

    /// <summary>A process with one worker.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "A process that dies disposes nothing, and its memory is the test's.")]
    internal sealed class Process
    {
        private readonly OutboxModel _model;
        private readonly PausableClock _clock;
        private readonly FaultyOutboxStore _store;
        private readonly Func<Process, string, StoreFault> _plan;

        public Process(OutboxModel model, string name, Func<Process, string, StoreFault> plan)
        {
            _model = model;
            _plan = plan;
            Name = name;
            _clock = new PausableClock(model.Time);
            _store = new FaultyOutboxStore(model.Store, call => plan(this, call))
            {
                WhileRunning = () => _clock.WhileRunning,
                Crashed = () => model.History.Fail(name, "died", model.Time.GetUtcNow()),
            };
            RecordingSender sender = Senders.Of(SendAsync);
            Worker = new OutboxWorker(
                new SqlWebhookOutbox(_store, sender, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _clock }),
                sender,
                new OutboxWorkerOptions
                {
                    Name = name,
                    Lease = model.Lease,

                    // A row may be under way at every death of a run. Its quarantine has tests of its own.
                    QuarantineAfter = 1000,
                    Attempts = new WebhookSupervisorOptions
                    {
                        TimeProvider = _clock,
                        Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = model.RetryDelay },
                    },
                });
        }

        public string Name { get; }

        public OutboxWorker Worker { get; }

        public bool IsDead => _store.HasCrashed;

        public bool IsStopping { get; set; }

        /// <summary>Ends the process. Its requests that are under way still arrive.</summary>
        public void Kill() => _store.Crash();

        /// <summary>Pauses the process for a time. Its requests that are under way arrive meanwhile.</summary>
        public void Pause(TimeSpan duration)
        {
            if (_clock.Pause())
            {
                DateTimeOffset now = _model.Time.GetUtcNow();
                _model.History.Fail(Name, "was paused", now, now + duration);
                _ = ResumeAsync(duration);
            }
        }

        private async Task ResumeAsync(TimeSpan duration)
        {
            await Task.Delay(duration, _model.Time);
            _clock.Resume();
        }

        private async ValueTask<int> SendAsync(PreparedWebhook webhook, int attempt, CancellationToken cancellationToken)
        {
            if (IsDead)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            // A process that is paused here has decided to send, and does so when it continues, whatever happened to its lease.
            OutboxHistory.Attempt sent = _model.History.Begin(
                Name, webhook.IdempotencyKey, Convert.ToHexString(webhook.Body.Span), _model.Time.GetUtcNow());
            StoreFault fault = _plan(this, "attempt");
            if (fault == StoreFault.Crash)
            {
                Kill();
            }

            await WhileAliveAsync(cancellationToken);
            (TimeSpan travel, int status) = _model.Answer(this, webhook, attempt);

            // Nothing calls a request back: not the end of the process, nor that of its lease.
            await Task.Delay(travel, _model.Time, CancellationToken.None);
            _model.History.Arrive(sent, _model.Time.GetUtcNow(), status);
            if (fault == StoreFault.CrashAfter)
            {
                Kill();
            }

            await WhileAliveAsync(cancellationToken);
            return status == 0 ? -(int)WebhookSendError.ConnectionFailed : status;
        }

        private async Task WhileAliveAsync(CancellationToken cancellationToken)
        {
            await _clock.WhileRunning;
            if (IsDead)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
        }
    }
}
