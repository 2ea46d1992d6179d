using Adcp.Aot.Verification;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>The check of store and replay cache when an application starts.</summary>
public sealed class CheckTests
{
    [Fact]
    public async Task Sound_store_and_cache_pass_without_a_line_in_the_log()
    {
        using IntakeBench bench = new();
        int lines = bench.Log.Count;

        Assert.True(await bench.Intake.CheckAsync());

        Assert.Equal(lines, bench.Log.Count);
    }

    [Fact]
    public async Task Store_that_fails_is_an_error_in_the_log_that_says_what_to_do()
    {
        ScriptedClaimStore store = new(TimeProvider.System) { Before = (_, _, _) => throw new IOException("no such table") };
        using IntakeBench bench = new(options => options with { Store = store });

        Assert.False(await bench.Intake.CheckAsync());

        AssertLogged(bench);
    }

    [Fact]
    public async Task Replay_cache_that_fails_is_found_too()
    {
        using IntakeBench bench = new();
        using IntakeBench broken = new(options => options with { Verifier = new Rfc9421Verifier(bench.Keys(), new BrokenCache()) });

        Assert.False(await broken.Intake.CheckAsync());

        AssertLogged(broken);
    }

    [Fact]
    public async Task Replay_cache_of_the_challenge_verifier_is_found_too()
    {
        using IntakeBench bench = new();
        using IntakeBench broken = new(options => options with
        {
            Verifier = new BearerVerifier(["abcdefghijklmnopqrstuvwxyz012345"], IntakeBench.Sender),
            AcceptsChallenge = (_, _) => new(true),
            ChallengeVerifier = new Rfc9421Verifier(bench.Keys(), new BrokenCache()),
        });

        Assert.False(await broken.Intake.CheckAsync());

        AssertLogged(broken);
    }

    [Fact]
    public async Task Check_ends_with_its_token()
    {
        using CancellationTokenSource stop = new();
        ScriptedClaimStore store = new(TimeProvider.System)
        {
            Before = async (_, _, token) =>
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, token);
            },
        };
        using IntakeBench bench = new(options => options with { Store = store });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await bench.Intake.CheckAsync(stop.Token));
    }

    private static void AssertLogged(IntakeBench bench) => Assert.Contains(
        bench.Log,
        line => line.Level == LogLevel.Error && line.Text.Contains("/hook", StringComparison.Ordinal)
            && line.Text.Contains("CreateIfAbsentAsync", StringComparison.Ordinal));

    private sealed class BrokenCache : IReplayCache
    {
        public ValueTask CheckAsync(CancellationToken cancellationToken = default) => throw new IOException("no such table");

        public ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken) => new(true);

        public ValueTask<ReplayAdmission> TryAddAsync(
            string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
            new(ReplayAdmission.Added);
    }
}
