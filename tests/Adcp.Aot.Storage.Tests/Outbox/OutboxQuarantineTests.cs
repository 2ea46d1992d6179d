using Adcp.Aot.Auditing;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Webhooks whose delivery kills the process.</summary>
public sealed class OutboxQuarantineTests : IAsyncDisposable
{
    private const string Poison = "poison.example";

    /// <summary>A death is noticed when the lease has ended.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private readonly OutboxBench _bench = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Webhook_that_kills_three_processes_is_a_dead_letter_and_all_others_are_delivered()
    {
        for (int i = 0; i < 200; i++)
        {
            await _bench.EnqueueAsync(i == 77 ? Poison : $"b{i % 20}.example");
        }

        (int deaths, RecordingSender[] senders) = await RunAsync(mostDeaths: 5);

        Assert.Equal(3, deaths);
        Assert.Equal(("poison", 0), (Assert.Single(_bench.Store.DeadRows).Reason, _bench.Store.DeadRows[0].Attempts));
        Assert.Equal(
            200, senders.SelectMany(static sender => sender.Attempts).Select(static sent => sent.IdempotencyKey).Distinct().Count());
        await _bench.UntilAsync(() => _bench.Records.Any(static record => record.Code == "poison"));
        Assert.Equal(AttemptOutcome.Refused, _bench.Records.Single(static record => record.Code == "poison").Outcome);
    }

    [Fact]
    public async Task Two_webhooks_that_kill_are_both_found()
    {
        for (int i = 0; i < 40; i++)
        {
            await _bench.EnqueueAsync(i is 3 or 30 ? Poison : $"b{i}.example");
        }

        (int deaths, _) = await RunAsync(mostDeaths: 8);

        Assert.InRange(deaths, 3, 6);
        Assert.Equal(["poison", "poison"], _bench.Store.DeadRows.Select(static row => row.Reason));
    }

    [Fact]
    public async Task Deaths_that_no_webhook_caused_put_nothing_into_quarantine()
    {
        for (int i = 0; i < 300; i++)
        {
            await _bench.EnqueueAsync($"b{i % 30}.example");
        }

        for (int life = 0; life < 6; life++)
        {
            // The attempts behind the 30th are under way at the death. So many are left in each life that none of them is made alone.
            int answers = 30, before = _bench.Store.Waiting;
            RecordingSender sender = _bench.Sender(async (_, _, token) =>
            {
                if (Interlocked.Decrement(ref answers) < 0)
                {
                    await Task.Delay(Timeout.Infinite, token);
                }

                return 200;
            });
            (_, FaultyOutboxStore process) = await _bench.StartAsync(
                sender, static options => options with { Lease = TimeSpan.FromMinutes(2) });
            await _bench.UntilAsync(() => Volatile.Read(ref answers) < 0 && _bench.Store.Waiting <= before - 30);
            process.Crash();
            _bench.Time.Advance(TimeSpan.FromMinutes(4));
        }

        await _bench.StartAsync(
            _bench.Sender(static (_, _, _) => ValueTask.FromResult(200)),
            static options => options with { Lease = TimeSpan.FromMinutes(2) });
        await _bench.UntilEmptyAsync();

        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Webhook_whose_attempt_the_process_survived_is_a_suspect_no_more()
    {
        // It kills two processes, answers 503 twice, and kills one more.
        int attempts = 0;
        await _bench.EnqueueAsync(Poison);

        (int deaths, _) = await RunAsync(
            mostDeaths: 5, () => Interlocked.Increment(ref attempts) switch { 1 or 2 or 5 => null, 3 or 4 => 503, _ => 200 });

        Assert.Equal(3, deaths);
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Rows_of_slow_endpoints_that_wait_for_their_trial_delay_no_other()
    {
        // As many as fit into memory. All of them may have been under way at the death.
        for (int i = 0; i < 256; i++)
        {
            await _bench.EnqueueAsync($"slow{i}.example");
        }

        TaskCompletionSource slowMayAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        RecordingSender Slow() => _bench.Sender(async (webhook, _, token) =>
        {
            if (webhook.Destination.Url.Contains("slow", StringComparison.Ordinal))
            {
                await slowMayAnswer.Task.WaitAsync(token);
            }

            return 200;
        });
        RecordingSender first = Slow();
        (_, FaultyOutboxStore process) = await _bench.StartAsync(
            first, static options => options with { MaxRowsInMemory = 256, Lease = Lease });
        await _bench.UntilAsync(() => first.Count >= 64);
        process.Crash();
        _bench.Time.Advance(2 * Lease);

        RecordingSender second = Slow();
        await _bench.StartAsync(second, change: static options => options with { MaxRowsInMemory = 256 });
        await _bench.UntilAsync(() => second.Count >= OutboxTrials.MaxOnTrial / 2);
        await _bench.EnqueueAsync("healthy.example");
        await _bench.UntilAsync(() =>
            second.Attempts.Any(static sent => sent.Destination.Url.Contains("healthy", StringComparison.Ordinal)));

        slowMayAnswer.SetResult();
        await _bench.UntilEmptyAsync();
        Assert.Empty(_bench.Store.DeadRows);
        Assert.Equal(257, second.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
    }

    [Fact]
    public async Task Slow_endpoints_of_one_tenant_hold_up_no_trial_of_another()
    {
        TaskCompletionSource slowMayAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _bench.Outbox.EnqueueAsync(
            null,
            [
                .. Enumerable.Range(0, 200).Select(static i => i % 2 == 0
                    ? OutboxHarness.Item($"slow{i}.example", "slow")
                    : OutboxHarness.Item($"b{i}.example", "other")),
            ]);
        RecordingSender first = _bench.Sender(async (_, _, token) =>
        {
            await slowMayAnswer.Task.WaitAsync(token);
            return 200;
        });
        (_, FaultyOutboxStore process) = await _bench.StartAsync(first, static options => options with { Lease = Lease });
        await _bench.UntilAsync(() => first.Count == 200);
        process.Crash();
        _bench.Time.Advance(2 * Lease);

        int slow = 0, mostSlow = 0;
        Lock counts = new();
        RecordingSender second = _bench.Sender(async (webhook, _, token) =>
        {
            if (webhook.Destination.Url.Contains("slow", StringComparison.Ordinal))
            {
                lock (counts)
                {
                    mostSlow = Math.Max(mostSlow, ++slow);
                }

                await slowMayAnswer.Task.WaitAsync(token);
                lock (counts)
                {
                    slow--;
                }
            }

            return 200;
        });
        await _bench.StartAsync(second);
        await _bench.UntilAsync(() => _bench.Store.Waiting == 100);

        Assert.InRange(mostSlow, 1, OutboxTrials.MaxOnTrial / 2);
        slowMayAnswer.SetResult();
        await _bench.UntilEmptyAsync();
        Assert.InRange(mostSlow, 1, OutboxTrials.MaxOnTrial);
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Limit_of_the_options_decides()
    {
        await _bench.EnqueueAsync(Poison);

        (int deaths, _) = await RunAsync(mostDeaths: 9, quarantineAfter: 6);

        Assert.Equal(6, deaths);
        Assert.Single(_bench.Store.DeadRows);
    }

    /// <summary>Starts a process after each death until nothing waits.</summary>
    /// <param name="mostDeaths">The most deaths.</param>
    /// <param name="answer">The answer of the endpoint that kills; null for a death.</param>
    /// <param name="quarantineAfter">The limit.</param>
    private async Task<(int Deaths, RecordingSender[] Senders)> RunAsync(
        int mostDeaths, Func<int?>? answer = null, int quarantineAfter = 3)
    {
        List<RecordingSender> senders = [];
        for (int deaths = 0; ; deaths++)
        {
            Assert.True(deaths <= mostDeaths, $"{deaths} deaths");
            FaultyOutboxStore? process = null;
            bool hasDied = false;
            RecordingSender sender = _bench.Sender(async (webhook, _, token) =>
            {
                await Task.Yield();
                if (webhook.Destination.Url.Contains(Poison, StringComparison.Ordinal))
                {
                    if (answer?.Invoke() is { } status)
                    {
                        return status;
                    }

                    process!.Crash();
                    Volatile.Write(ref hasDied, true);
                }

                if (process is { HasCrashed: true })
                {
                    await Task.Delay(Timeout.Infinite, token);
                }

                return 200;
            });
            senders.Add(sender);
            FaultyOutboxStore started = new(_bench.Store, static _ => StoreFault.None);
            process = started;
            await _bench.StartAsync(sender, started, options => options with { QuarantineAfter = quarantineAfter, Lease = Lease });
            await _bench.UntilAsync(() => Volatile.Read(ref hasDied) || _bench.Store.Waiting == 0);
            if (!hasDied)
            {
                return (deaths, [.. senders]);
            }

            _bench.Time.Advance(2 * Lease);
        }
    }
}
