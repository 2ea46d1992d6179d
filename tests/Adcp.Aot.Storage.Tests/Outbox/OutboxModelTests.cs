using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// Runs of several workers that lose calls, answers, leases and whole processes at seeded moments. Each run checks the promises
/// of the outbox: nothing that was committed is lost, every repeat has the same bytes and is explained by a fault, and in the end nothing
/// waits.
/// </summary>
public sealed class OutboxModelTests
{
    private const int Webhooks = 120;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 24)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Nothing_is_lost_and_repeats_are_explained(int seed)
    {
        Outcome outcome = await new Simulation(seed).RunAsync();

        Assert.True(outcome.Lost.Count == 0, string.Join('\n', outcome.Lost));
        Assert.True(outcome.Unexplained.Count == 0, string.Join('\n', outcome.Unexplained));
        Assert.Empty(outcome.Changed);
    }

    [Fact]
    public async Task Without_a_planned_fault_only_a_lost_lease_repeats_anything()
    {
        Outcome outcome = await new Simulation(seed: 1) { HasFaults = false }.RunAsync();

        Assert.True(outcome.Lost.Count == 0, string.Join('\n', outcome.Lost));
        Assert.True(outcome.Unexplained.Count == 0, string.Join('\n', outcome.Unexplained));
    }

    [Fact]
    public async Task The_checks_find_an_outbox_that_leaves_lanes_to_the_dead()
    {
        int found = 0;
        for (int seed = 1; seed <= 6 && found == 0; seed++)
        {
            Outcome outcome = await new Simulation(seed) { NeverBuries = true }.RunAsync();
            found += outcome.Lost.Count;
        }

        Assert.NotEqual(0, found);
    }

    private sealed record Outcome(IReadOnlyList<string> Lost, IReadOnlyList<string> Unexplained, IReadOnlyList<string> Changed);

    [SuppressMessage("Security", "CA5394", Justification = "A seeded run is repeatable; no secret is drawn.")]
    private sealed class Simulation(int seed)
    {
        private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(30);

        private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
        private readonly Random _random = new(seed);
        private readonly Lock _lock = new();
        private readonly ConcurrentQueue<(string Key, string Body, DateTimeOffset At)> _received = new();
        private readonly List<DateTimeOffset> _faults = [];
        private readonly List<Process> _processes = [];

        public bool HasFaults { get; init; } = true;

        public bool NeverBuries { get; init; }

        public async Task<Outcome> RunAsync()
        {
            InMemoryOutboxStore store = new(_time) { NeverBuries = NeverBuries };
            using RecordingSender enqueuer = Senders.Always(200);
            SqlWebhookOutbox outbox = new(store, enqueuer, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _time });
            HashSet<string> accepted = [];
            await AddProcessAsync(store);
            await AddProcessAsync(store);
            for (int i = 0; i < Webhooks; i++)
            {
                int host = Next(12);
                accepted.Add((await outbox.EnqueueAsync(null, [OutboxHarness.Item($"b{host}.example", $"t{host % 3}")]))[0].IdempotencyKey);
                if (i % 10 == 9)
                {
                    await _time.RunForAsync(TimeSpan.FromMilliseconds(100 + Next(2000)));
                    await DisturbAsync(store);
                }
            }

            DateTimeOffset until = _time.GetUtcNow() + LongestRun;
            while (store.Waiting > 0 && _time.GetUtcNow() < until)
            {
                await _time.RunForAsync(TimeSpan.FromMilliseconds(200));
                _time.Advance(TimeSpan.FromMilliseconds(500));
            }

            string left = store.Describe();
            await StopAsync();
            return Check(accepted, left);
        }

        private Outcome Check(HashSet<string> accepted, string left)
        {
            List<string> unexplained = [], changed = [];
            foreach (IGrouping<string, (string Key, string Body, DateTimeOffset At)> sent in _received.GroupBy(static entry => entry.Key))
            {
                (string Key, string Body, DateTimeOffset At)[] times = [.. sent];
                if (times.Any(entry => entry.Body != times[0].Body) || !accepted.Contains(sent.Key))
                {
                    changed.Add(sent.Key);
                }

                // A repeat needs a fault at or after the first delivery.
                if (times.Length > 1 && !_faults.Any(fault => fault >= times[0].At - TimeSpan.FromSeconds(10)))
                {
                    unexplained.Add($"{sent.Key} at {string.Join(", ", times.Select(static entry => $"{entry.At:mm:ss.fff}"))}; faults at "
                        + string.Join(", ", _faults.Select(static fault => $"{fault:mm:ss.fff}")));
                }
            }

            string[] lost = [.. accepted.Except(_received.Select(static entry => entry.Key))];
            return new Outcome(lost.Length == 0 ? [] : [left, .. lost], unexplained, changed);
        }

        /// <summary>Ends a process and starts another, now and then.</summary>
        private async Task DisturbAsync(InMemoryOutboxStore store)
        {
            if (!HasFaults || Next(3) != 0)
            {
                return;
            }

            Process victim = _processes[Next(_processes.Count)];
            _processes.Remove(victim);
            if (Next(3) == 0)
            {
                Task stopped = victim.Worker.StopAsync(TimeSpan.FromSeconds(2));
                await _time.RunUntilAsync(() => stopped.IsCompleted);
                victim.Sender.Dispose();
            }
            else
            {
                Fault();
                victim.Store.Crash();
                victim.IsDead = true;
            }

            await AddProcessAsync(store);
        }

        private async Task AddProcessAsync(InMemoryOutboxStore store)
        {
            Process process = new();
            process.Store = new FaultyOutboxStore(store, Plan);
            process.Sender = Senders.Of(async (webhook, _, token) =>
            {
                await Task.Yield();
                if (process.IsDead)
                {
                    await Task.Delay(Timeout.Infinite, token);
                }

                // One attempt in four fails, by a seeded draw.
                if (Next(4) == 0)
                {
                    return 503;
                }

                _received.Enqueue((webhook.IdempotencyKey, Convert.ToHexString(webhook.Body.Span), _time.GetUtcNow()));
                return 200;
            });
            process.Worker = new OutboxWorker(
                new SqlWebhookOutbox(process.Store, process.Sender, OutboxHarness.Secrets, null),
                process.Sender,
                new OutboxWorkerOptions
                {
                    Attempts = new WebhookSupervisorOptions
                    {
                        TimeProvider = _time,
                        Logger = new LeaseWatch(Fault),
                        Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromSeconds(1) },
                    },
                });
            _processes.Add(process);
            Task started = process.Worker.StartAsync();
            await _time.RunUntilAsync(() => started.IsCompleted || process.Store.HasCrashed);
            if (started.IsFaulted)
            {
                // A start that fails is reported to the caller, who starts again.
                _processes.Remove(process);
                await AddProcessAsync(store);
            }
        }

        private StoreFault Plan(string call)
        {
            if (!HasFaults)
            {
                return StoreFault.None;
            }

            switch (Next(40))
            {
                case 0:
                    Fault();
                    return StoreFault.After;
                case 1:
                    return StoreFault.Before;
                default:
                    return StoreFault.None;
            }
        }

        private void Fault()
        {
            lock (_lock)
            {
                _faults.Add(_time.GetUtcNow());
            }
        }

        private int Next(int below)
        {
            lock (_lock)
            {
                return _random.Next(below);
            }
        }

        private async Task StopAsync()
        {
            Task stopped = Task.WhenAll(_processes.Select(static process => process.Worker.DisposeAsync().AsTask()));
            await _time.RunUntilAsync(() => stopped.IsCompleted);
        }

        /// <summary>Notes when a lease is lost: on a busy machine the clock of the test can outrun a renewal.</summary>
        private sealed class LeaseWatch(Action lost) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(
                LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                if (eventId.Id is StorageEventIds.OutboxLeaseEnded or StorageEventIds.OutboxDeclaredDead)
                {
                    lost();
                }
            }
        }

        private sealed class Process
        {
            public FaultyOutboxStore Store { get; set; } = null!;

            public RecordingSender Sender { get; set; } = null!;

            public OutboxWorker Worker { get; set; } = null!;

            public bool IsDead { get; set; }
        }
    }
}
