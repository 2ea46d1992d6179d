using Adcp.Aot.Testing;
using Adcp.Aot.Delivery;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A worker with little memory: no tenant takes all of it, and none is slowed down without need.</summary>
public sealed class OutboxFairnessTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly InMemoryOutboxStore _store;
    private readonly RecordingSender _sender;
    private readonly SqlWebhookOutbox _outbox;
    private readonly TaskCompletionSource _slowMayAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private OutboxWorker? _worker;

    public OutboxFairnessTests()
    {
        _store = new InMemoryOutboxStore(_time);
        _sender = Senders.Of(AnswerAsync);
        _outbox = new SqlWebhookOutbox(_store, _sender, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _time });
    }

    public async ValueTask DisposeAsync()
    {
        if (_worker is not null)
        {
            Task stopped = _worker.DisposeAsync().AsTask();
            await _time.RunUntilAsync(() => stopped.IsCompleted);
        }

        _sender.Dispose();
    }

    [Theory]
    [InlineData(1_000, 2)] // rows above the share of no endpoint
    [InlineData(100, 20)]
    [InlineData(20, 100)]
    public async Task Slow_endpoints_of_one_tenant_delay_no_other_tenant(int endpoints, int webhooks)
    {
        for (int i = 0; i < webhooks; i++)
        {
            await EnqueueAsync([.. Enumerable.Range(0, endpoints).Select(static i => OutboxHarness.Item($"slow{i}.example", "slow"))]);
        }

        await StartAsync(Options() with { MaxRowsInMemory = 512 });
        await _time.RunUntilAsync(() => _sender.Count >= 64);
        await OtherTenantIsReachedAsync();

        await AllAreDeliveredOnceAsync((endpoints * webhooks) + 10);
    }

    [Fact]
    public async Task Large_webhooks_of_one_tenant_delay_no_other_tenant()
    {
        byte[] large = Json(bytes: 8 << 10);
        await EnqueueAsync([.. Enumerable.Range(0, 400).Select(i => Item($"slow{i}.example", large))]);

        await StartAsync(Options() with { MaxBytesInMemory = 1 << 20 });
        await _time.RunUntilAsync(() => _sender.Count >= 16);
        await OtherTenantIsReachedAsync();

        await AllAreDeliveredOnceAsync(410);
    }

    [Fact]
    public async Task Large_webhooks_in_memory_have_no_more_bytes_than_its_bound_and_one_webhook()
    {
        byte[] large = Json(bytes: 200 << 10);
        await EnqueueAsync([.. Enumerable.Range(0, 60).Select(i => Item($"slow{i % 3}.example", large))]);

        await StartAsync(Options() with { MaxBytesInMemory = 1 << 20 });
        await _time.RunUntilAsync(() => _sender.Count >= 5);
        await _time.RunForAsync(TimeSpan.FromSeconds(30));
        Assert.InRange(_sender.Count, 5, 6);

        await AllAreDeliveredOnceAsync(60);
    }

    [Fact]
    public async Task Parked_rows_of_slow_endpoints_delay_no_other_tenant_after_a_restart()
    {
        await EnqueueAsync([.. Enumerable.Range(0, 2_000).Select(static i => OutboxHarness.Item($"slow{i}.example", "slow"))]);
        OutboxWorkerOptions options = Options() with { MaxRowsInMemory = 512 };
        await StartAsync(options);
        await _time.RunUntilAsync(() => _store.Parked > 1_000);
        Task stopped = _worker!.DisposeAsync().AsTask();
        await _time.RunUntilAsync(() => stopped.IsCompleted);

        int before = _sender.Count;
        await StartAsync(options);
        await _time.RunUntilAsync(() => _sender.Count >= before + 64);
        await OtherTenantIsReachedAsync();

        _slowMayAnswer.SetResult();
        await _time.RunUntilAsync(() => _store.Waiting == 0);
        Assert.Empty(_store.DeadRows);
    }

    [Theory]
    [InlineData(false, 2, OutboxOwner.MaxParkedReads)]
    [InlineData(true, 1, 1)]
    public async Task New_rows_are_read_between_the_parked_rows_of_many_endpoints(bool areReadsSlow, int least, int atMost)
    {
        await EnqueueAsync([.. Enumerable.Range(0, 2_000).Select(static i => OutboxHarness.Item($"slow{i}.example", "slow"))]);
        await StartAsync(Options() with { MaxRowsInMemory = 512 });
        await _time.RunUntilAsync(() => _store.Parked > 1_000);
        Task stopped = _worker!.DisposeAsync().AsTask();
        await _time.RunUntilAsync(() => stopped.IsCompleted);

        int parked = 0;
        int most = 0;
        int reads = 0;
        FaultyOutboxStore store = new(_store, call =>
        {
            // Only the worker's reading loop makes these calls. The others come from other threads.
            if (call == "read")
            {
                reads++;
                parked = 0;
            }
            else if (call == "parked")
            {
                most = Math.Max(most, ++parked);
                if (areReadsSlow)
                {
                    _time.Advance(OutboxOwner.MaxParkedTime);
                }
            }

            return StoreFault.None;
        });
        _slowMayAnswer.SetResult();
        _worker = new OutboxWorker(
            new SqlWebhookOutbox(store, _sender, OutboxHarness.Secrets, new SqlWebhookOutboxOptions { TimeProvider = _time }), _sender,
            Options());
        await _worker.StartAsync();
        await _time.RunUntilAsync(() => _store.Waiting == 0 && _store.Parked == 0);

        Assert.InRange(most, least, atMost);
        Assert.True(reads > 1_000 / OutboxOwner.MaxParkedReads, $"{reads} reads of new rows.");
    }

    [Theory]
    [InlineData(103, false)]
    [InlineData(102, true)]
    public void Full_memory_is_parked_if_the_attempts_of_its_tenant_need_more_than_five_seconds_for_it(int ended, bool isParked)
    {
        OutboxSchedule schedule = new(new OutboxScheduleLimits { MaxRows = 512, MaxConcurrencyPerTenant = 64 }, _time);
        long id = 0;
        Fill();
        Assert.Empty(schedule.Relieve());

        for (int i = 0; i < ended; i++)
        {
            Assert.True(schedule.TryTake(out OutboxRow? row));
            schedule.Complete(row!, isDelivered: true, changeFollows: false);
            Fill();
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 64; i++)
        {
            Assert.True(schedule.TryTake(out _));
        }

        Assert.Equal(isParked ? 512 - 64 : 0, schedule.Relieve().Count);

        void Fill()
        {
            for (; schedule.Room.Rows > 0; id++)
            {
                Assert.Null(schedule.Admit(new OutboxRow
                {
                    Lane = 0,
                    Id = id,
                    Endpoint = id % 100,
                    Tenant = 1,
                    KeyId = "k",
                    Sealed = [],
                }));
            }
        }
    }

    private static byte[] Json(int bytes)
    {
        byte[] json = new byte[bytes];
        json.AsSpan().Fill((byte)'a');
        json[0] = json[^1] = (byte)'"';
        return json;
    }

    private static OutboxItem Item(string host, byte[] result) => new(
        new WebhookDestination($"https://{host}/hook", "op-1", "a-token-of-16-chars"),
        new McpWebhook { TaskId = "task", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = result },
        new OutboxOptions { Tenant = "slow" });

    private async ValueTask<int> AnswerAsync(PreparedWebhook webhook, int attempt, CancellationToken cancellationToken)
    {
        if (webhook.Destination.Url.Contains("slow", StringComparison.Ordinal))
        {
            await _slowMayAnswer.Task.WaitAsync(cancellationToken);
        }

        return 200;
    }

    /// <summary>Enqueues webhooks of another tenant, and waits until they arrive although no slow endpoint answers.</summary>
    private async Task OtherTenantIsReachedAsync()
    {
        for (int i = 0; i < 10; i++)
        {
            string host = $"healthy{i}.example";
            await EnqueueAsync([OutboxHarness.Item(host, "other")]);
            await _time.RunUntilAsync(() => _sender.Attempts.Any(sent => sent.Destination.Url.Contains(host, StringComparison.Ordinal)));
        }
    }

    private async Task AllAreDeliveredOnceAsync(int count)
    {
        _slowMayAnswer.TrySetResult();
        await _time.RunUntilAsync(() => _store.Waiting == 0);
        Assert.Empty(_store.DeadRows);
        Assert.Equal(count, _sender.Count);
        Assert.Equal(count, _sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
    }

    private async Task EnqueueAsync(OutboxItem[] items) => await _outbox.EnqueueAsync(null, items);

    private OutboxWorkerOptions Options() => new()
    {
        Lease = OutboxBench.LongLease,
        Attempts = new WebhookSupervisorOptions
        {
            Retry = OutboxWorkerOptions.DefaultRetry,
            TimeProvider = _time,
            MaxConcurrencyPerTenant = 64,
            MaxConcurrencyPerEndpoint = 16,
        },
    };

    private async Task StartAsync(OutboxWorkerOptions options)
    {
        _worker = new OutboxWorker(_outbox, _sender, options);
        await _worker.StartAsync();
    }
}
