using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// Runs of several workers that lose calls, answers, leases and whole processes at seeded moments. Each run checks the promises
/// of the outbox: nothing that was committed is lost, nothing else is sent, every repeat has the same bytes and is explained by a fault,
/// and in the end nothing waits.
/// </summary>
public sealed class OutboxModelTests
{
    private const int Webhooks = 120;

    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(30);

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 24)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Nothing_is_lost_and_repeats_are_explained(int seed) => AssertKept(await new Simulation(seed).RunAsync());

    [Fact]
    public async Task Without_a_planned_fault_only_a_lost_lease_repeats_anything() =>
        AssertKept(await new Simulation(seed: 1) { HasFaults = false }.RunAsync());

    [Fact]
    public async Task The_checks_find_an_outbox_that_leaves_lanes_to_the_dead() =>
        Assert.NotEqual(0, await FirstBrokenAsync(static store => store.NeverBuries = true));

    private static void AssertKept((OutboxHistory.Verdict Verdict, string Left) run)
    {
        Assert.True(run.Verdict.Count == 0, $"{run.Verdict}\nleft: {run.Left}");
        Assert.Equal("", run.Left);
    }

    /// <summary>Returns the first seed of a mutated outbox whose run breaks a promise; 0 if none does.</summary>
    private static async Task<int> FirstBrokenAsync(Action<InMemoryOutboxStore> mutate)
    {
        for (int seed = 1; seed <= 12; seed++)
        {
            (OutboxHistory.Verdict verdict, string left) = await new Simulation(seed) { Mutate = mutate, Longest = TimeSpan.FromMinutes(5) }
                .RunAsync();
            if (verdict.Count > 0 || left.Length > 0)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}: {verdict}\nleft: {left}");
                return seed;
            }
        }

        return 0;
    }

    [SuppressMessage("Security", "CA5394", Justification = "A seeded run is repeatable; no secret is drawn.")]
    private sealed class Simulation(int seed)
    {
        private const int MaxDeaths = 4;
        private const int MaxPauses = 4;

        private readonly Random _random = new(seed);
        private readonly Lock _lock = new();
        private int _deaths;
        private int _pauses;
        private bool _isDisturbed = true;

        public bool HasFaults { get; init; } = true;

        public Action<InMemoryOutboxStore> Mutate { get; init; } = static _ => { };

        public TimeSpan Longest { get; init; } = LongestRun;

        public async Task<(OutboxHistory.Verdict Verdict, string Left)> RunAsync()
        {
            using OutboxModel model = new() { Answer = Answer };
            model.Store.MaxPageRows = 2;
            Mutate(model.Store);
            await model.StartAsync(Plan);
            await model.StartAsync(Plan);
            for (int i = 0; i < Webhooks; i++)
            {
                int host = Next(12);
                await model.EnqueueAsync($"b{host}.example", $"t{host % 3}");
                if (i % 10 == 9)
                {
                    await model.Time.RunForAsync(TimeSpan.FromMilliseconds(100 + Next(2000)));
                    await DisturbAsync(model);
                }
            }

            _isDisturbed = false;
            await ReplaceAsync(model);
            string left = await model.FinishAsync(Longest);
            return (model.History.Check(), left);
        }

        /// <summary>One attempt in four fails. A request of a process that died may be lost.</summary>
        private (TimeSpan Travel, int Status) Answer(OutboxModel.Process process, PreparedWebhook webhook, int attempt) =>
            (TimeSpan.FromMilliseconds(20 * Next(15)), Next(4) switch { 0 => Next(4) == 0 ? 0 : 503, _ => 200 });

        /// <summary>Ends a process, now and then, and replaces those that are gone.</summary>
        private async Task DisturbAsync(OutboxModel model)
        {
            if (HasFaults && Next(3) == 0 && model.Processes is { Count: > 0 } processes)
            {
                OutboxModel.Process victim = processes[Next(processes.Count)];
                if (Next(3) == 0)
                {
                    await model.StopAsync(victim);
                }
                else
                {
                    victim.Kill();
                }
            }

            await ReplaceAsync(model);
        }

        private async Task ReplaceAsync(OutboxModel model)
        {
            while (model.Processes.Count < 2)
            {
                await model.StartAsync(Plan);
            }
        }

        private StoreFault Plan(OutboxModel.Process process, string call)
        {
            if (!HasFaults)
            {
                return StoreFault.None;
            }

            switch (Next(40))
            {
                case 0:
                    return StoreFault.After;
                case 1:
                    return StoreFault.Before;
                case 2 when _isDisturbed && Next(8) == 0 && Interlocked.Increment(ref _deaths) <= MaxDeaths:
                    return Next(2) == 0 ? StoreFault.Crash : StoreFault.CrashAfter;
                case 3 when _isDisturbed && Next(8) == 0 && Interlocked.Increment(ref _pauses) <= MaxPauses:
                    process.Pause(TimeSpan.FromMilliseconds(2000 + Next(6000)));
                    return StoreFault.None;
                default:
                    return StoreFault.None;
            }
        }

        private int Next(int below)
        {
            lock (_lock)
            {
                return _random.Next(below);
            }
        }
    }
}
