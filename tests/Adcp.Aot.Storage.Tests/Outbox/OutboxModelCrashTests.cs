using System.Collections.Concurrent;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// A short script of two workers that is run again and again: each time one of them dies before or after another call of its store, or
/// before or after a request. These are the awaits of the protocol. In a series of equal calls, one for each lane, the first two and the
/// last are taken.
/// </summary>
public sealed class OutboxModelCrashTests
{
    private const int MoreRounds = 10;

    /// <summary>The calls and requests that a worker makes in the script. A death at each of them is shown.</summary>
    private static readonly string[] Kinds =
    [
        "attempt", "check", "count", "heads", "installation", "join", "leave", "list", "owned", "parked", "read", "renew", "return",
        "settle", "switches", "take",
    ];

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(2);

    /// <summary>The worker that dies is the one that is there first, or the one that joins it and stops.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task A_process_may_die_before_or_after_each_call(bool isFirst, bool isMade)
    {
        StoreFault death = isMade ? StoreFault.CrashAfter : StoreFault.Crash;
        Run whole = await RunAsync(isFirst, null, death);
        HashSet<string> died = [];
        List<string> broken = whole.Broken.Length > 0 ? [whole.Broken] : [];
        int[] fatal = [.. Enumerable.Range(0, whole.Calls.Count).Where(call => !IsInTheMiddle(whole.Calls, call))];
        foreach (int call in fatal)
        {
            await DieAsync(whole.Calls[call], whole.Calls.Take(call).Count(before => before == whole.Calls[call]));
        }

        // The scheduler of the threads decides which rows a worker gets. A call that no run made with that number is tried again.
        for (int round = 0; round < MoreRounds; round++)
        {
            foreach (string kind in Kinds.Except(died).ToArray())
            {
                await DieAsync(kind, 0);
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{fatal.Length} deaths in {whole.Calls.Count} calls: {string.Join(", ", whole.Calls.CountBy(static call => call))}");
        Assert.True(broken.Count == 0, string.Join('\n', broken));
        Assert.Equal(Kinds, died.Order(StringComparer.Ordinal));

        async Task DieAsync(string kind, int number)
        {
            // By its kind and number among its kind: an idle worker reads once more or less from run to run.
            Run run = await RunAsync(isFirst, (kind, number), death);
            if (run.HasDied)
            {
                died.Add(kind);
            }

            if (run.Broken.Length > 0)
            {
                broken.Add($"{(isMade ? "after" : "before")} {kind} {number}: {run.Broken}");
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_checks_find_settlements_without_the_fence(bool isUnfenced)
    {
        OutboxModel.Process? paused = null;
        using OutboxModel model = new()
        {
            Lease = Lease,
            Answer = (process, _, _) => process == paused ? (TimeSpan.Zero, 503) : (TimeSpan.FromSeconds(4), 200),
        };
        model.Store.IsUnfenced = isUnfenced;
        paused = await model.StartAsync(static (process, call) =>
        {
            if (call == "settle" && !process.IsStopping)
            {
                // It continues while its successor makes the attempt again.
                process.Pause(TimeSpan.FromSeconds(5));
            }

            return StoreFault.None;
        });
        await model.EnqueueAsync("buyer.example");
        await model.Time.RunForAsync(TimeSpan.FromMilliseconds(500));
        await model.StartAsync(static (_, _) => StoreFault.None);

        string left = await model.FinishAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(isUnfenced, left.Length > 0 || model.History.Check().Count > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_checks_find_a_reader_that_advances_to_the_last_pages_snapshot(bool advances)
    {
        int reads = 0;
        using OutboxModel model = new() { Lease = Lease, Answer = static (_, _, _) => (TimeSpan.Zero, 200) };
        (model.Store.MaxPageRows, model.Store.AdvancesToLastSnapshot) = (2, advances);
        await EnqueueAsync(model);
        await model.StartAsync((_, call) =>
        {
            if (call == "read" && Interlocked.Increment(ref reads) <= 10)
            {
                // Between two pages of a round another process commits. It does so in memory, and at once.
                Assert.True(model.EnqueueAsync("late.example").IsCompletedSuccessfully);
            }

            return StoreFault.None;
        });

        string left = await model.FinishAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(advances, left.Length > 0 || model.History.Check().Lost.Count > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_checks_find_streams_that_do_not_begin_with_their_first_row(bool takesLast)
    {
        using OutboxModel model = new() { Lease = Lease, Answer = static (_, _, _) => (TimeSpan.Zero, 200) };
        model.Store.TakesLastOfStream = takesLast;
        await EnqueueAsync(model);
        await model.StartAsync(static (_, _) => StoreFault.None);

        Assert.Equal("", await model.FinishAsync(TimeSpan.FromSeconds(30)));

        Assert.Equal(takesLast, model.History.Check().OutOfOrder.Count > 0);
    }

    /// <summary>Returns whether a call is one of a series of equal calls, and neither of the first two nor the last.</summary>
    private static bool IsInTheMiddle(IReadOnlyList<string> calls, int call) =>
        call >= 2 && call < calls.Count - 1 && calls[call] == calls[call - 1] && calls[call] == calls[call - 2]
        && calls[call] == calls[call + 1];

    /// <summary>Runs the script.</summary>
    private static async Task<Run> RunAsync(bool isFirst, (string Kind, int Number)? last, StoreFault death)
    {
        ConcurrentQueue<string> calls = new();
        ConcurrentDictionary<string, int> made = new();
        ConcurrentDictionary<(string Process, string Url), bool> asked = new();
        bool hasDied = false;
        using OutboxModel model = new() { Lease = Lease, RetryDelay = TimeSpan.FromMilliseconds(200), Answer = Answer };
        await StartAsync(isVictim: isFirst);
        await EnqueueAsync(model);
        await model.Time.RunForAsync(TimeSpan.FromMilliseconds(200));
        OutboxModel.Process second = await StartAsync(isVictim: !isFirst);

        // The lanes are shared at the next renewals.
        await model.Time.RunForAsync(TimeSpan.FromMilliseconds(600));
        await EnqueueAsync(model);
        await model.Time.RunForAsync(TimeSpan.FromMilliseconds(800));
        await EnqueueAsync(model);
        await model.StopAsync(second);

        // A worker is left that takes over by the clock, whichever died.
        await model.StartAsync(static (_, _) => StoreFault.None);
        string left = await model.FinishAsync(LongestRun);
        OutboxHistory.Verdict verdict = model.History.Check();
        return new Run([.. calls], verdict.Count > 0 || left.Length > 0 ? $"{verdict}\nleft: {left}" : "", hasDied);

        Task<OutboxModel.Process> StartAsync(bool isVictim) =>
            model.StartAsync(isVictim ? Plan : static (_, _) => StoreFault.None);

        // A third of the endpoints fail once for each worker, so that each has parked rows. It opens no circuit. Another third is slow.
        (TimeSpan Travel, int Status) Answer(OutboxModel.Process process, PreparedWebhook webhook, int attempt) =>
            (new Uri(webhook.Destination.Url).Host[1] % 3) switch
            {
                0 => (TimeSpan.Zero, asked.TryAdd((process.Name, webhook.Destination.Url), true) ? 503 : 200),
                1 => (TimeSpan.FromMilliseconds(100), 200),
                _ => (TimeSpan.Zero, 200),
            };

        StoreFault Plan(OutboxModel.Process process, string call)
        {
            calls.Enqueue(call);
            int number = made.AddOrUpdate(call, 0, static (_, count) => count + 1);
            if ((call, number) != last)
            {
                // The answer to the first request for lanes is lost, so that the worker asks which lanes it has.
                return call == "take" && number == 0 ? StoreFault.After : StoreFault.None;
            }

            hasDied = true;
            return death;
        }
    }

    private static async Task EnqueueAsync(OutboxModel model)
    {
        for (int host = 0; host < 9; host++)
        {
            await model.EnqueueAsync($"b{host}.example");
            await model.EnqueueAsync($"b{host}.example", stream: $"stream {host}");
            await model.EnqueueAsync($"b{host}.example", stream: $"stream {host}");
        }
    }

    /// <summary>A run of the script.</summary>
    /// <param name="Calls">The calls of the worker that dies.</param>
    /// <param name="Broken">The promises that were broken; empty if all were kept.</param>
    /// <param name="HasDied">Whether the call was made at which the worker dies.</param>
    private sealed record Run(IReadOnlyList<string> Calls, string Broken, bool HasDied);
}
