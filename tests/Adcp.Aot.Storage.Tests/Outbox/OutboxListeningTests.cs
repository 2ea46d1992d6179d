using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The polls of an idle worker while its wake-up listens, on a store in memory whose clock is the worker's.</summary>
public sealed class OutboxListeningTests : IAsyncDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ListeningPollInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly InMemoryOutboxStore _store;
    private readonly ScriptedWakeUp _wakeUp = new();
    private readonly RecordingSender _sender = Senders.Of(static (_, attempt, _) => ValueTask.FromResult(attempt == 1 ? 503 : 200));
    private readonly List<OutboxWorker> _workers = [];
    private int _reads;

    public OutboxListeningTests() => _store = new InMemoryOutboxStore(_time);

    public async ValueTask DisposeAsync()
    {
        foreach (OutboxWorker worker in _workers)
        {
            Task stopped = worker.DisposeAsync().AsTask();
            await _time.RunUntilAsync(() => stopped.IsCompleted);
        }

        _sender.Dispose();
    }

    [Fact]
    public async Task Idle_worker_polls_once_a_second_while_its_wake_up_listens()
    {
        OutboxWorker worker = await ListenAsync();

        for (int i = 0; i < 5; i++)
        {
            int reads = _reads;
            _time.Advance(ListeningPollInterval - Moment);
            Assert.Equal((Moment, reads), (worker.Quiet, _reads));
            _time.Advance(Moment);
            await OutboxHarness.UntilAsync(() => _reads == reads + 1 && worker.Quiet == ListeningPollInterval);
        }
    }

    [Fact]
    public async Task Worker_polls_more_often_as_soon_as_its_wake_up_reports_that_it_does_not_listen()
    {
        OutboxWorker worker = await ListenAsync();
        int reads = _reads;

        _wakeUp.SetListening!(false);

        await OutboxHarness.UntilAsync(() => _reads > reads && worker.Quiet == PollInterval);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Worker_polls_more_often_as_soon_as_its_wake_up_ends(bool throws)
    {
        OutboxWorker worker = await ListenAsync();
        int reads = _reads;

        _wakeUp.End(throws ? new IOException("gone") : null);

        await OutboxHarness.UntilAsync(() => _reads > reads && worker.Quiet == PollInterval);
    }

    [Fact]
    public async Task Report_of_a_call_that_has_ended_is_ignored()
    {
        OutboxWorker worker = await ListenAsync();
        _wakeUp.End(new IOException("gone"));
        await OutboxHarness.UntilAsync(() => worker.Quiet == PollInterval);

        _wakeUp.SetListening!(true);

        Assert.Equal(PollInterval, worker.Quiet);
    }

    [Fact]
    public async Task Wake_up_that_is_called_again_may_listen_again()
    {
        OutboxWorker worker = await ListenAsync();
        _wakeUp.End(new IOException("gone"));
        await _time.RunUntilAsync(() => _wakeUp.Listened == 2);

        _wakeUp.SetListening!(true);

        await OutboxHarness.UntilAsync(() => worker.Quiet == ListeningPollInterval);
    }

    [Fact]
    public async Task Wake_up_that_reports_nothing_changes_no_poll()
    {
        OutboxWorker worker = await StartAsync();

        await OutboxHarness.UntilAsync(() => _wakeUp.Listened == 1 && worker.Quiet == PollInterval);
    }

    [Fact]
    public async Task Hint_wakes_a_worker_that_listens_at_once()
    {
        await ListenAsync();
        await using SqlWebhookOutbox producer = new(_store, _sender, OutboxHarness.Secrets, null);
        await producer.EnqueueAsync(null, [OutboxHarness.Item()]);

        _wakeUp.Wake!();

        await OutboxHarness.UntilAsync(() => _sender.Count == 1);
    }

    [Fact]
    public async Task Webhook_without_a_hint_is_found_by_the_next_poll()
    {
        OutboxWorker worker = await ListenAsync();
        await using SqlWebhookOutbox producer = new(_store, _sender, OutboxHarness.Secrets, null);
        await producer.EnqueueAsync(null, [OutboxHarness.Item()]);

        _time.Advance(worker.Quiet);

        await OutboxHarness.UntilAsync(() => _sender.Count == 1);
    }

    [Fact]
    public async Task Retry_is_made_before_the_next_poll()
    {
        TimeSpan step = TimeSpan.FromMilliseconds(10);
        RetryPolicy retry = new() { MaxAttempts = 2, BaseDelay = ListeningPollInterval / 2, Jitter = false };
        OutboxWorker worker = await ListenAsync(options => options with { Attempts = options.Attempts with { Retry = retry } });
        await using SqlWebhookOutbox producer = new(_store, _sender, OutboxHarness.Secrets, null);
        await producer.EnqueueAsync(null, [OutboxHarness.Item()]);
        _wakeUp.Wake!();
        await OutboxHarness.UntilAsync(() => _store.Parked == 1);

        for (TimeSpan passed = TimeSpan.Zero; passed <= retry.BaseDelay; passed += step)
        {
            await OutboxHarness.UntilAsync(() => worker.Quiet > TimeSpan.Zero);
            _time.Advance(step);
        }

        await OutboxHarness.UntilAsync(() => _sender.Count == 2);
    }

    [Fact]
    public async Task Longer_poll_interval_counts()
    {
        OutboxWorker worker = await StartAsync(options => options with { PollInterval = TimeSpan.FromSeconds(5) });
        await OutboxHarness.UntilAsync(() => worker.Quiet == TimeSpan.FromSeconds(5));
        int reads = _reads;

        _wakeUp.SetListening!(true);

        await OutboxHarness.UntilAsync(() => _reads > reads && worker.Quiet == TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Worker_that_waits_for_lanes_polls_more_often()
    {
        await ListenAsync();
        ScriptedWakeUp wakeUp = new();
        OutboxWorker second = await StartAsync(wakeUp: wakeUp);
        await OutboxHarness.UntilAsync(() => wakeUp.Listened == 1 && second.Quiet == PollInterval);
        int reads = _reads;

        wakeUp.SetListening!(true);

        await OutboxHarness.UntilAsync(() => _reads == reads && second.Quiet == PollInterval);
        await _time.RunUntilAsync(() => second.Quiet == ListeningPollInterval);
        Assert.Equal(32, (await second.GetStatusAsync()).Lanes);
    }

    [Fact]
    public void Bad_interval_throws_when_it_is_set()
    {
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new OutboxWorkerOptions { ListeningPollInterval = TimeSpan.FromMilliseconds(9) });
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new OutboxWorkerOptions { ListeningPollInterval = TimeSpan.FromSeconds(61) });
    }

    private async Task<OutboxWorker> ListenAsync(Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null)
    {
        OutboxWorker worker = await StartAsync(change);
        await OutboxHarness.UntilAsync(() => _wakeUp.SetListening is not null);
        _wakeUp.SetListening!(true);
        await OutboxHarness.UntilAsync(() => worker.Quiet == ListeningPollInterval);
        return worker;
    }

    private async Task<OutboxWorker> StartAsync(
        Func<OutboxWorkerOptions, OutboxWorkerOptions>? change = null, ScriptedWakeUp? wakeUp = null)
    {
        FaultyOutboxStore process = new(_store, Count);
        SqlWebhookOutbox outbox = new(
            process, _sender, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { WakeUp = wakeUp ?? _wakeUp, TimeProvider = _time });
        OutboxWorkerOptions options = new()
        {
            Attempts = new WebhookSupervisorOptions { Retry = OutboxWorkerOptions.DefaultRetry, TimeProvider = _time },
            Lease = OutboxBench.LongLease,
        };
        OutboxWorker worker = new(outbox, _sender, change is null ? options : change(options));
        _workers.Add(worker);
        await worker.StartAsync();
        return worker;
    }

    private StoreFault Count(string call)
    {
        if (call == "read")
        {
            Interlocked.Increment(ref _reads);
        }

        return StoreFault.None;
    }
}
