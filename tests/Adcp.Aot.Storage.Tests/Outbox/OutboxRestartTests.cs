using Adcp.Aot.Resilience;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>An endpoint that failed before its worker started.</summary>
public sealed class OutboxRestartTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();
    private int _status = 503;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Endpoint_with_parked_rows_gets_one_probe_after_a_restart_although_many_fresh_rows_wait()
    {
        await FailAsync();
        for (int i = 0; i < 200; i++)
        {
            await _bench.EnqueueAsync("dead.example");
        }

        RecordingSender sender = Sender();
        (OutboxWorker worker, _) = await _bench.StartAsync(sender);
        await _bench.UntilAsync(() => sender.Count > 0);
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(20));

        Assert.Single(sender.Attempts);
        EndpointSnapshot endpoint =
            Assert.Single(worker.Endpoints.Snapshot(), static some => some.Key.Contains("dead", StringComparison.Ordinal));
        Assert.Equal(CircuitState.Open, endpoint.State);

        Volatile.Write(ref _status, 200);
        await _bench.UntilEmptyAsync();
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Endpoint_that_works_again_after_a_restart_is_at_full_speed_after_its_first_success()
    {
        await FailAsync();
        Volatile.Write(ref _status, 200);
        for (int i = 0; i < 200; i++)
        {
            await _bench.EnqueueAsync("dead.example");
        }

        // Nothing in the store waits for longer than this.
        Assert.InRange(_bench.Store.LongestWait, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        HeldAttempts attempts = new();
        RecordingSender sender = _bench.Sender((_, _, token) => attempts.BeginAsync(token));
        Lines log = new();
        (OutboxWorker worker, _) = await _bench.StartAsync(
            sender, options => options with { Attempts = _bench.Attempts with { Logger = log } });

        // One at a time until the circuit has closed, then many, and none is refused: a circuit that opened would be open for a minute.
        await AssertRoundTripsAsync(attempts, [1, 1, 2, 4, 8, 16, 32, 64, 64, 28]);
        await _bench.UntilEmptyAsync();
        Assert.Equal(220, sender.Count);
        Assert.Equal(220, sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
        Assert.DoesNotContain(worker.Endpoints.Snapshot(), static endpoint => endpoint.State == CircuitState.Open);
        Assert.Empty(_bench.Store.DeadRows);

        // This worker has seen no failure.
        Assert.Equal(2, log.Of(AdcpEventIds.CircuitTakenOver).Length);
        Assert.Empty(log.Of(AdcpEventIds.CircuitChanged));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Endpoint_that_works_again_gets_twice_as_many_in_each_round_trip_at_most(bool isRestarted)
    {
        HeldAttempts attempts = new();
        RecordingSender sender = _bench.Sender((_, _, token) =>
            Volatile.Read(ref _status) == 200 ? attempts.BeginAsync(token) : ValueTask.FromResult(503));
        if (isRestarted)
        {
            await FailAsync();
        }

        for (int i = 0; i < 400; i++)
        {
            await _bench.EnqueueAsync("dead.example");
        }

        (OutboxWorker worker, _) = await _bench.StartAsync(sender);
        await _bench.UntilAsync(() => worker.Endpoints.Snapshot().Any(static endpoint => endpoint.State == CircuitState.Open));
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(1)); // attempts that began before
        Volatile.Write(ref _status, 200);
        await AssertRampAsync(attempts);
        attempts.AnswerAll();
        await _bench.UntilEmptyAsync();

        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public Task Endpoint_without_parked_rows_begins_with_a_closed_circuit() => AssertAtFullSpeedAsync("a.example");

    [Fact]
    public async Task Endpoint_that_failed_once_before_a_restart_begins_with_a_closed_circuit()
    {
        await _bench.EnqueueAsync("a.example");
        RecordingSender sender = Sender();
        (OutboxWorker worker, _) = await _bench.StartAsync(sender);
        await _bench.UntilAsync(() => sender.Count > 0);
        await StopAsync(worker);

        await AssertAtFullSpeedAsync("a.example");
    }

    [Fact]
    public async Task Endpoint_whose_webhooks_were_planned_for_later_begins_with_a_closed_circuit()
    {
        for (int i = 0; i < 20; i++)
        {
            await _bench.EnqueueAsync("a.example", notBefore: TimeSpan.FromMinutes(1));
        }

        (OutboxWorker worker, _) = await _bench.StartAsync(Sender());
        await _bench.UntilAsync(() => _bench.Store.Parked == 20);
        await StopAsync(worker);

        await AssertAtFullSpeedAsync("a.example");
    }

    [Fact]
    public async Task Endpoint_that_fails_gets_as_many_probes_as_the_policy_has_that_was_set_while_the_worker_ran()
    {
        const int Probes = 8;
        int made = 0, current = 0, most = 0;
        Lock counts = new();
        RecordingSender sender = _bench.Sender(async (_, _, token) =>
        {
            if (Volatile.Read(ref _status) != 200)
            {
                return 503;
            }

            lock (counts)
            {
                current++;
                most = ++made <= Probes ? Math.Max(most, current) : most;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), _bench.Time, token);
            lock (counts)
            {
                current--;
            }

            return 200;
        });
        (OutboxWorker worker, _) = await _bench.StartAsync(sender);
        worker.Endpoints.Policy = new CircuitBreakerPolicy { SuccessThreshold = Probes };
        for (int i = 0; i < 100; i++)
        {
            await _bench.EnqueueAsync("dead.example");
        }

        await _bench.UntilAsync(() => worker.Endpoints.Snapshot().Any(static endpoint => endpoint.State == CircuitState.Open));
        await _bench.Time.RunForAsync(TimeSpan.FromSeconds(1)); // attempts that began before
        Volatile.Write(ref _status, 200);
        await _bench.UntilEmptyAsync();

        Assert.Equal((1, 100), (most, made));
    }

    private async Task AssertAtFullSpeedAsync(string host)
    {
        HeldAttempts attempts = new();
        RecordingSender sender = _bench.Sender((_, _, token) => attempts.BeginAsync(token));
        for (int i = 0; i < 100; i++)
        {
            await _bench.EnqueueAsync(host);
        }

        await _bench.StartAsync(sender);
        await AssertRoundTripsAsync(attempts, [64]);
        attempts.AnswerAll();
        await _bench.UntilEmptyAsync();
    }

    /// <summary>Answers attempts together when as many as expected are under way, and no more begin in a second.</summary>
    private async Task AssertRoundTripsAsync(HeldAttempts attempts, int[] expected)
    {
        foreach (int count in expected)
        {
            await _bench.UntilAsync(() => attempts.Held >= count);
            await _bench.Time.RunForAsync(TimeSpan.FromSeconds(1));
            Assert.Equal(count, attempts.Answer());
        }
    }

    /// <summary>
    /// Answers attempts together when no more begin in a second, until more than half of an endpoint's attempts are under way. Each success
    /// admits one more. Parked rows are read when half of the attempts that are admitted have no row, so that fewer may begin, but not
    /// fewer than half.
    /// </summary>
    private async Task AssertRampAsync(HeldAttempts attempts)
    {
        int answered = 0;
        for (int count = 0; count <= 32; answered += count)
        {
            int admitted = Math.Clamp(answered, 1, 64);
            await _bench.UntilAsync(() => attempts.Held >= (admitted + 1) / 2);
            await _bench.Time.RunForAsync(TimeSpan.FromSeconds(1));
            count = attempts.Answer();
            Assert.InRange(count, (admitted + 1) / 2, admitted);
        }
    }

    private async Task StopAsync(OutboxWorker worker)
    {
        Task stopped = worker.StopAsync(TimeSpan.FromSeconds(1));
        await _bench.UntilAsync(() => stopped.IsCompleted);
    }

    /// <summary>Lets an endpoint fail until its circuit opens, and stops the worker.</summary>
    private async Task FailAsync()
    {
        for (int i = 0; i < 20; i++)
        {
            await _bench.EnqueueAsync("dead.example");
        }

        RecordingSender sender = Sender();
        (OutboxWorker worker, _) = await _bench.StartAsync(sender);
        await _bench.UntilAsync(() => worker.Endpoints.Snapshot().Any(static endpoint => endpoint.State == CircuitState.Open));
        await StopAsync(worker);
        Assert.Equal(20, _bench.Store.Waiting);
    }

    private RecordingSender Sender() => _bench.Sender((_, _, _) => ValueTask.FromResult(Volatile.Read(ref _status)));

    /// <summary>Attempts that are under way until they are answered together.</summary>
    private sealed class HeldAttempts
    {
        private readonly Lock _lock = new();
        private TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _held;
        private bool _isOpen;

        public int Held => Volatile.Read(ref _held);

        public async ValueTask<int> BeginAsync(CancellationToken cancellationToken)
        {
            Task answer;
            lock (_lock)
            {
                _held++;
                answer = _isOpen ? Task.CompletedTask : _answer.Task;
            }

            await answer.WaitAsync(cancellationToken);
            return 200;
        }

        /// <summary>Answers those under way.</summary>
        /// <returns>Their number.</returns>
        public int Answer()
        {
            lock (_lock)
            {
                _answer.SetResult();
                _answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                int held = _held;
                _held = 0;
                return held;
            }
        }

        /// <summary>Answers those under way, and further ones at once.</summary>
        public void AnswerAll()
        {
            lock (_lock)
            {
                _isOpen = true;
                _answer.SetResult();
            }
        }
    }
}
