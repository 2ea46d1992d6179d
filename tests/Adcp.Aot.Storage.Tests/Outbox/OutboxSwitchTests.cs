using Adcp.Aot.Operations;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Operators isolate, reset and pause for all workers, from any process, also one that delivers nothing.</summary>
public sealed class OutboxSwitchTests : IAsyncDisposable
{
    private const string Name = "t1 https://down.example/hook";

    private static readonly OperatorAction Action = new("alice", "buyer is down");
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Renewal = Lease / 5;
    private static readonly string Id = OutboxHash.EndpointIdOf(Name);

    private readonly OutboxBench _bench = new();
    private readonly OutboxOperations _operations;
    private int _status = 503;
    private int _attempts;

    public OutboxSwitchTests() => _operations = new OutboxOperations(_bench.Store, OutboxHarness.Secrets, null, _bench.Time);

    public async ValueTask DisposeAsync()
    {
        await _operations.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Worker_stops_when_another_process_isolates_its_endpoint_and_others_go_on()
    {
        await FailOnceAsync();

        EndpointStatus? isolated = await _operations.IsolateAsync(Id, Action);
        await _bench.Time.RunForAsync(Renewal + TimeSpan.FromSeconds(1));
        int before = Volatile.Read(ref _attempts);
        Volatile.Write(ref _status, 200);
        await _bench.EnqueueAsync("down.example");
        await _bench.EnqueueAsync("up.example");
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.Equal((Id, Name, CircuitState.Isolated), (isolated!.Id, isolated.Name, isolated.State));
        Assert.Equal(("alice", "buyer is down"), (isolated.Isolation!.Actor, isolated.Isolation.Reason));
        Assert.Equal(before, Volatile.Read(ref _attempts));
        Assert.Equal(2, _bench.Store.Waiting);

        EndpointStatus? reset = await _operations.ResetAsync(Id, Action);
        await _bench.UntilEmptyAsync();

        Assert.Null(reset!.State);
        Assert.Equal(before + 2, Volatile.Read(ref _attempts));
        Assert.Equal(["reset", "isolate"], (await _operations.ListActionsAsync()).Select(static action => action.Action));
    }

    [Fact]
    public async Task Reset_of_another_process_closes_an_open_circuit()
    {
        OutboxWorker worker = await StartAsync();
        for (int i = 0; i < 8; i++)
        {
            await _bench.EnqueueAsync("down.example");
        }

        await _bench.UntilAsync(() => StateIn(worker) == CircuitState.Open);
        DateTimeOffset opened = _bench.Time.GetUtcNow();
        Volatile.Write(ref _status, 200);

        await _operations.ResetAsync(Id, Action);
        await _bench.UntilEmptyAsync();

        Assert.True(_bench.Time.GetUtcNow() - opened < new CircuitBreakerPolicy().OpenTimeout, "The circuit's own probe closed it.");
    }

    [Fact]
    public async Task Isolation_outlives_a_restart()
    {
        OutboxWorker first = await FailOnceAsync();
        await _operations.IsolateAsync(Id, Action);
        Task stopped = first.StopAsync(TimeSpan.FromSeconds(1));
        await _bench.UntilAsync(() => stopped.IsCompleted);
        int before = Volatile.Read(ref _attempts);
        Volatile.Write(ref _status, 200);
        await _bench.EnqueueAsync("down.example");

        OutboxWorker second = await StartAsync();
        await _bench.EnqueueAsync("up.example");
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.Equal((before, 2), (Volatile.Read(ref _attempts), _bench.Store.Waiting));
        Assert.Equal(CircuitState.Isolated, StateIn(second));
    }

    [Fact]
    public async Task Isolation_outlives_the_death_of_the_lanes_owner()
    {
        FaultyOutboxStore process = new(_bench.Store, static _ => StoreFault.None);
        await FailOnceAsync(process);
        await _operations.IsolateAsync(Id, Action);
        process.Crash();
        int before = Volatile.Read(ref _attempts);
        Volatile.Write(ref _status, 200);

        OutboxWorker second = await StartAsync();
        await _bench.UntilAsync(() => second.GetStatusAsync().AsTask().GetAwaiter().GetResult().Lanes == OutboxLanes.Count);
        await _bench.EnqueueAsync("down.example");
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.Equal((before, 2), (Volatile.Read(ref _attempts), _bench.Store.Waiting));
    }

    [Fact]
    public async Task Owner_that_acts_itself_stops_at_once()
    {
        OutboxWorker worker = await FailOnceAsync();
        await using OutboxOperations own = new(worker, timeProvider: _bench.Time);

        await own.IsolateAsync(Id, Action);
        int before = Volatile.Read(ref _attempts);
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(1));
        OperationsStatus status = await own.GetStatusAsync();
        Volatile.Write(ref _status, 200);
        EndpointStatus? reset = await own.ResetAsync(Id, Action);
        await OutboxHarness.UntilAsync(() => _bench.Store.Waiting == 0);

        Assert.Equal((before + 1, 1, CircuitState.Closed), (Volatile.Read(ref _attempts), status.IsolatedEndpoints, reset!.State));
        Assert.Null(reset.Isolation);
    }

    [Fact]
    public async Task Backlog_counts_what_waits_for_a_retry_and_what_is_in_memory_once()
    {
        TaskCompletionSource answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isBroken = false;
        FaultyOutboxStore process = new(
            _bench.Store, call => call == "backlog" && Volatile.Read(ref isBroken) ? StoreFault.Before : StoreFault.None);
        OutboxWorker worker = await _bench.StartAsync(
            _bench.Sender(async (webhook, _, _) =>
            {
                if (webhook.Destination.Url.Contains("down", StringComparison.Ordinal))
                {
                    return 503;
                }

                await answered.Task;
                return 200;
            }),
            process);
        await using OutboxOperations own = new(worker, timeProvider: _bench.Time);
        for (int i = 0; i < 3; i++)
        {
            await _bench.EnqueueAsync("down.example");
            await _bench.EnqueueAsync("slow.example");
        }

        await _bench.UntilAsync(() => _bench.Store.Parked == 3);
        Dictionary<string, long?> backlogs = (await own.ListEndpointsAsync()).Items.ToDictionary(
            static endpoint => endpoint.Name, static endpoint => endpoint.Backlog);
        EndpointStatus elsewhere = Assert.Single((await _operations.ListEndpointsAsync()).Items);
        Volatile.Write(ref isBroken, true);
        IReadOnlyList<EndpointStatus> unknown = (await own.ListEndpointsAsync()).Items;
        answered.SetResult();

        Assert.Equal((3, 3), (backlogs[Name], backlogs["t1 https://slow.example/hook"]));
        Assert.Equal((Name, 3), (elsewhere.Name, elsewhere.Backlog));
        Assert.All(unknown, static endpoint => Assert.Null(endpoint.Backlog));
        Assert.Equal(2, unknown.Count);
    }

    [Fact]
    public async Task Isolated_endpoints_are_listed_by_a_process_that_never_met_them()
    {
        await FailOnceAsync();
        OutboxWorker other = new(
            new SqlWebhookOutbox(_bench.Store, _bench.Enqueuer, OutboxHarness.Secrets, null), _bench.Enqueuer,
            new OutboxWorkerOptions { Attempts = _bench.Attempts });
        await using OutboxOperations elsewhere = new(other, timeProvider: _bench.Time);
        EndpointStatus parked = Assert.Single((await _operations.ListEndpointsAsync()).Items);
        int before = (await elsewhere.ListEndpointsAsync()).Items.Count;

        await elsewhere.IsolateAsync(Id, Action);
        EndpointStatus isolated = Assert.Single((await elsewhere.ListEndpointsAsync()).Items);
        OperationsStatus status = await elsewhere.GetStatusAsync();
        EndpointQuery closed = new() { State = CircuitState.Closed };

        Assert.Equal((Id, Name, null), (parked.Id, parked.Name, parked.State));
        Assert.Equal((0, 1), (before, status.IsolatedEndpoints));
        Assert.Equal((Id, Name, CircuitState.Isolated, "alice"), (isolated.Id, isolated.Name, isolated.State, isolated.Isolation!.Actor));
        Assert.Empty((await elsewhere.ListEndpointsAsync(closed)).Items);
        await other.DisposeAsync();
    }

    [Fact]
    public async Task Endpoint_of_dead_letters_is_isolated_by_its_id_and_an_unknown_one_is_not()
    {
        Volatile.Write(ref _status, 410);
        await StartAsync();
        await _bench.EnqueueAsync("down.example");
        await _bench.UntilEmptyAsync();
        await using OutboxOperations withoutKeys = new(_bench.Store, null, null, _bench.Time);

        EndpointStatus? known = await _operations.IsolateAsync(Id, Action);
        EndpointStatus? sealedName = await withoutKeys.IsolateAsync(Id, Action);

        Assert.Equal((Name, Name), (known!.Name, sealedName!.Name));
        foreach (string id in new[] { "0123456789abcdef", "", "all", Id.ToUpperInvariant(), Id + "0" })
        {
            Assert.Null(await _operations.IsolateAsync(id, Action));
            Assert.Null(await _operations.ResetAsync(id, Action));
        }
    }

    [Fact]
    public async Task Pause_stops_every_worker_until_deliveries_are_resumed()
    {
        Volatile.Write(ref _status, 200);
        await StartAsync();
        await StartAsync();

        OperationsStatus paused = await _operations.PauseAsync(Action);
        await _bench.Time.RunForAsync(Renewal + TimeSpan.FromSeconds(1));
        for (int i = 0; i < 20; i++)
        {
            await _bench.EnqueueAsync($"b{i}.example");
        }

        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.Equal(("alice", "buyer is down"), (paused.Pause!.Actor, paused.Pause.Reason));
        Assert.Equal((0, 20), (Volatile.Read(ref _attempts), _bench.Store.Waiting));

        OperationsStatus resumed = await _operations.ResumeAsync(Action);
        await _bench.UntilEmptyAsync();

        Assert.Null(resumed.Pause);
        Assert.Equal(20, Volatile.Read(ref _attempts));
        Assert.Equal(["resume", "pause"], (await _operations.ListActionsAsync()).Select(static action => action.Action));
    }

    [Fact]
    public async Task Pause_outlives_a_restart_and_webhooks_that_are_too_old_are_not_sent_after_it()
    {
        Volatile.Write(ref _status, 200);
        await _operations.PauseAsync(Action);
        await StartAsync();
        await _bench.EnqueueAsync("b.example", maxAge: TimeSpan.FromMinutes(1));
        await _bench.EnqueueAsync("c.example");
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(2));
        int before = Volatile.Read(ref _attempts);

        await _operations.ResumeAsync(Action);
        await _bench.UntilEmptyAsync();

        Assert.Equal((0, 1), (before, Volatile.Read(ref _attempts)));
        Assert.Equal(OutboxReasons.TooOld, Assert.Single(_bench.Store.DeadRows).Reason);
    }

    [Fact]
    public async Task Worker_that_stops_while_deliveries_are_paused_gives_its_lanes_back()
    {
        OutboxWorker worker = await StartAsync();
        await _operations.PauseAsync(Action);
        await _bench.Time.RunForAsync(Renewal + TimeSpan.FromSeconds(1));
        await _bench.EnqueueAsync("b.example");

        Task<OutboxStopReport> stopped = worker.StopAsync(TimeSpan.FromMinutes(1));
        await _bench.UntilAsync(() => stopped.IsCompleted);

        Assert.Equal((0, 1), (Volatile.Read(ref _attempts), (await stopped).Left));
        Assert.Empty((await _operations.ListWorkersAsync()).Workers);
    }

    [Fact]
    public async Task Switches_that_cannot_be_read_keep_lanes_from_joining()
    {
        await FailOnceAsync(isIsolatedAfterwards: true);
        int before = Volatile.Read(ref _attempts);
        bool isBroken = true;
        FaultyOutboxStore process = new(
            _bench.Store, call => call == "switches" && Volatile.Read(ref isBroken) ? StoreFault.Before : StoreFault.None);
        Volatile.Write(ref _status, 200);

        OutboxWorker worker = await StartAsync(process);
        await _bench.EnqueueAsync("up.example");
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(1));
        int during = Volatile.Read(ref _attempts);
        Volatile.Write(ref isBroken, false);
        await _bench.UntilAsync(() => _bench.Store.Waiting == 1);
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(1));

        Assert.Equal((before, before), (during, Volatile.Read(ref _attempts)));
        Assert.Equal(CircuitState.Isolated, StateIn(worker));
    }

    private static CircuitState? StateIn(OutboxWorker worker) =>
        worker.Endpoints.TryGet(Name, out EndpointSnapshot endpoint) ? endpoint.State : null;

    private async Task<OutboxWorker> StartAsync(FaultyOutboxStore? process = null) => await _bench.StartAsync(
        _bench.Sender((webhook, _, _) =>
        {
            if (!webhook.Destination.Url.Contains("up.example", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _attempts);
            }

            return ValueTask.FromResult(Volatile.Read(ref _status));
        }),
        process ?? new FaultyOutboxStore(_bench.Store, static _ => StoreFault.None), static options => options with { Lease = Lease });

    /// <summary>Starts a worker, and makes an endpoint whose webhook waits for its second attempt.</summary>
    private async Task<OutboxWorker> FailOnceAsync(FaultyOutboxStore? process = null, bool isIsolatedAfterwards = false)
    {
        OutboxWorker worker = await StartAsync(process);
        await _bench.EnqueueAsync("down.example");
        await _bench.UntilAsync(() => _bench.Store.Parked == 1);
        if (isIsolatedAfterwards)
        {
            Task stopped = worker.StopAsync(TimeSpan.FromSeconds(1));
            await _bench.UntilAsync(() => stopped.IsCompleted);
            await _operations.IsolateAsync(Id, Action);
        }

        return worker;
    }
}
