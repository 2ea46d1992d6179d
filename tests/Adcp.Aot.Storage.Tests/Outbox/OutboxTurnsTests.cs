using System.Collections.Concurrent;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Turns of tenants, of endpoints, and of retries beside fresh webhooks.</summary>
public sealed class OutboxTurnsTests : IAsyncDisposable
{
    /// <summary>Longer than the clock of a test runs on by itself, and shorter than a lease.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(100);

    private readonly OutboxBench _bench = new();
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Tenants_take_turns_however_many_webhooks_one_of_them_has()
    {
        const int Quiet = 9, Each = 40, Permits = 8;
        await EnqueueAsync("flood", 2_000, endpoints: 10);
        for (int tenant = 0; tenant < Quiet; tenant++)
        {
            await EnqueueAsync($"quiet{tenant}", Each, endpoints: 1);
        }

        RecordingSender sender = Gated();
        (OutboxWorker worker, _) = await StartAsync(sender, Permits);
        await UntilInMemoryAsync(worker, 2_000 + (Quiet * Each));
        int before = sender.Count;
        _gate.SetResult();
        await _bench.UntilEmptyAsync();

        // A thread of a busy machine may hold an attempt back, but not more of them than there are permits.
        double[] counts =
        [
            .. sender.Attempts.Skip(before).Take(Each * (Quiet + 1)).CountBy(static sent => TenantOf(sent.Destination.Url))
                .Select(static entry => (double)entry.Value),
        ];
        Assert.Equal(Quiet + 1, counts.Length);
        Assert.All(counts, static count => Assert.InRange(count, Each - Permits, Each + Permits));
        Assert.True(Jain(counts) >= 0.95, $"{Jain(counts):F3}");
    }

    [Fact]
    public async Task Endpoints_of_a_tenant_take_turns_however_many_webhooks_one_of_them_has()
    {
        const int Permits = 4, Others = 30;
        await EnqueueAsync("one", 200, endpoints: 1);
        await _bench.Outbox.EnqueueAsync(
            null, [.. Enumerable.Range(0, Others).Select(static _ => OutboxHarness.Item("one-other.example", "one"))]);

        RecordingSender sender = Gated();
        (OutboxWorker worker, _) = await StartAsync(sender, Permits);
        await UntilInMemoryAsync(worker, 200 + Others);
        int before = sender.Count;
        _gate.SetResult();
        await _bench.UntilEmptyAsync();

        int others = sender.Attempts.Skip(before).Take(2 * Others)
            .Count(static sent => sent.Destination.Url.Contains("other", StringComparison.Ordinal));
        Assert.InRange(others, Others - Permits, Others);
    }

    [Fact]
    public async Task Retries_get_every_second_turn_while_fresh_webhooks_wait()
    {
        const int Retries = 40, Fresh = 80;
        await _bench.Outbox.EnqueueAsync(
            null, [.. Enumerable.Range(0, Retries).Select(static i => OutboxHarness.Item($"retry{i}.example"))]);
        RecordingSender sender = _bench.Sender(async (webhook, attempt, token) =>
        {
            if (webhook.Destination.Url.Contains("hold", StringComparison.Ordinal))
            {
                await _gate.Task.WaitAsync(token);
            }

            return attempt == 1 && webhook.Destination.Url.Contains("retry", StringComparison.Ordinal) ? 503 : 200;
        });
        (OutboxWorker worker, _) = await StartAsync(sender, permits: 1);
        await _bench.UntilAsync(() => _bench.Store.Parked == Retries);
        await _bench.EnqueueAsync("hold.example");
        await _bench.UntilAsync(() => sender.Count == Retries + 1);
        _bench.Time.Advance(RetryDelay);
        await _bench.Outbox.EnqueueAsync(
            null, [.. Enumerable.Range(0, Fresh).Select(static i => OutboxHarness.Item($"fresh{i}.example"))]);
        await UntilInMemoryAsync(worker, Retries + Fresh + 1);
        _gate.SetResult();
        await _bench.UntilEmptyAsync();

        bool[] isRetry =
            [.. sender.Attempts.Skip(Retries + 1).Select(static sent => sent.Destination.Url.Contains("retry", StringComparison.Ordinal))];
        Assert.Equal(Retries + Fresh, isRetry.Length);
        Assert.All(
            isRetry[..(2 * Retries)],
            (_, i) => Assert.InRange(isRetry[..(i + 1)].Count(static retry => retry), (i + 1) / 2, (i + 2) / 2));
    }

    [Fact]
    public async Task Endpoint_has_at_most_its_attempts_under_way_however_many_workers_there_are()
    {
        const int Permits = 16, Hosts = 8, Each = 40;
        ConcurrentDictionary<string, int> current = new(StringComparer.Ordinal);
        ConcurrentBag<int> seen = [];
        RecordingSender sender = _bench.Sender(async (webhook, _, token) =>
        {
            string host = webhook.Destination.Target.Host;
            seen.Add(current.AddOrUpdate(host, 1, static (_, count) => count + 1));
            try
            {
                await _gate.Task.WaitAsync(token);
                return 200;
            }
            finally
            {
                current.AddOrUpdate(host, 0, static (_, count) => count - 1);
            }
        });
        await _bench.Outbox.EnqueueAsync(
            null, [.. Enumerable.Range(0, Hosts * Each).Select(static i => OutboxHarness.Item($"b{i % Hosts}.example"))]);
        for (int workers = 1; workers <= 3; workers++)
        {
            await _bench.StartAsync(sender, options => options with
            {
                Attempts = _bench.Attempts with { MaxConcurrencyPerEndpoint = Permits },
            });
            await _bench.UntilAsync(() => sender.Count >= Permits * Hosts);

            // The others learn of the new worker by their renewals, and give up lanes whose attempts are under way.
            for (int renewals = 0; renewals < 2; renewals++)
            {
                _bench.Time.Advance(OutboxBench.LongLease / 5);
                await _bench.Time.RunForAsync(TimeSpan.FromSeconds(1));
            }
        }

        Assert.Equal(Permits * Hosts, sender.Count);
        _gate.SetResult();
        await _bench.UntilEmptyAsync();

        Assert.Equal(Permits, seen.Max());
        Assert.Equal(Hosts * Each, sender.Count);
        Assert.Equal(Hosts * Each, sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
    }

    private static double Jain(double[] counts) => Math.Pow(counts.Sum(), 2) / (counts.Length * counts.Sum(static count => count * count));

    private static string TenantOf(string url) => url["https://".Length..url.IndexOf('-', StringComparison.Ordinal)];

    private RecordingSender Gated() => _bench.Sender(async (_, _, token) =>
    {
        await _gate.Task.WaitAsync(token);
        return 200;
    });

    private Task<(OutboxWorker Worker, FaultyOutboxStore Process)> StartAsync(RecordingSender sender, int permits) =>
        _bench.StartAsync(sender, options => options with
        {
            Attempts = _bench.Attempts with
            {
                MaxConcurrency = permits,
                Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = RetryDelay, Jitter = false },
            },
        });

    private Task UntilInMemoryAsync(OutboxWorker worker, int rows)
    {
        ValueTask<OutboxStatus> status = worker.GetStatusAsync();
        return _bench.UntilAsync(() =>
        {
            if (!status.IsCompleted)
            {
                return false;
            }

            bool isReached = status.Result.InMemory == rows;
            status = worker.GetStatusAsync();
            return isReached;
        });
    }

    private async Task EnqueueAsync(string tenant, int webhooks, int endpoints) => await _bench.Outbox.EnqueueAsync(
        null,
        [.. Enumerable.Range(0, webhooks).Select(i => OutboxHarness.Item($"{tenant}-{i % endpoints}.example", tenant))]);
}
