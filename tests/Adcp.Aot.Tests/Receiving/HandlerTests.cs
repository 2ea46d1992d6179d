using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>Handlers, callbacks and loggers of users that misbehave.</summary>
public sealed class HandlerTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_that_never_returns_is_left_behind_with_its_body_and_its_place(bool blocks)
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using ManualResetEventSlim unblock = new();
        CancellationToken given = default;
        using IntakeBench bench = new(options => options with { MaxConcurrentWebhooks = 1, HandlerTimeout = TimeSpan.FromSeconds(8) },
            async (webhook, token) =>
        {
            given = token;
            entered.SetResult();
            if (blocks)
            {
                unblock.Wait(CancellationToken.None);
            }

            await leave.Task;
        });
        Task<IntakeResult> receiving = bench.ReceiveAsync(bench.Sign());
        await entered.Task;

        await bench.Time.PassAsync(TimeSpan.FromSeconds(8));
        await bench.Time.PassAsync(Grace);
        IntakeResult result = await receiving;

        Assert.Equal((IntakeStatus.HandlerStuck, true), (result.Status, result.RetryAfter > TimeSpan.Zero));
        await IntakeBench.UntilAsync(() => given.IsCancellationRequested);
        Assert.Equal(1, bench.Intake.WebhooksUnderWay);
        Assert.True(bench.Intake.BufferedBytes > 0);
        Assert.Equal(IntakeStatus.Busy, (await bench.ReceiveAsync(bench.Sign())).Status);
        Assert.Contains(bench.Log,
            line => line.Level == LogLevel.Error && line.Text.Contains("did not return within 8 s", StringComparison.Ordinal));

        unblock.Set();
        leave.SetResult();
        await IntakeBench.UntilAsync(() => bench.Intake.WebhooksUnderWay == 0);
        Assert.Equal(0, bench.Intake.BufferedBytes);
    }

    [Fact]
    public async Task A_handler_that_obeys_its_token_is_retried_at_once()
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int calls = 0;
        using IntakeBench bench = new(options => options with { HandlerTimeout = TimeSpan.FromSeconds(8) }, async (_, token) =>
        {
            entered.TrySetResult();
            await (Interlocked.Increment(ref calls) == 1 ? Task.Delay(Timeout.InfiniteTimeSpan, token) : Task.CompletedTask);
        });
        Task<IntakeResult> receiving = bench.ReceiveAsync(bench.Sign());
        await entered.Task;

        await bench.Time.PassAsync(TimeSpan.FromSeconds(8));

        Assert.Equal(IntakeStatus.HandlerFailed, (await receiving).Status);
        Assert.Equal(IntakeStatus.Processed, (await bench.ReceiveAsync(bench.Sign())).Status);
    }

    [Fact]
    public async Task A_callback_of_the_handlers_token_may_throw_or_block()
    {
        using ManualResetEventSlim unblock = new();
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using IntakeBench bench = new(options => options with { HandlerTimeout = TimeSpan.FromSeconds(8) }, async (_, token) =>
        {
            token.Register(() => unblock.Wait(CancellationToken.None));
            token.Register(() => throw new InvalidOperationException("in a callback"));
            entered.SetResult();
            await new TaskCompletionSource().Task;
        });
        Task<IntakeResult> receiving = bench.ReceiveAsync(bench.Sign());
        await entered.Task;

        await bench.Time.PassAsync(TimeSpan.FromSeconds(8));
        await bench.Time.PassAsync(Grace);

        Assert.Equal(IntakeStatus.HandlerStuck, (await receiving).Status);
        unblock.Set();
    }

    [Theory]
    [InlineData("throws at once")]
    [InlineData("throws later")]
    [InlineData("is cancelled")]
    public async Task A_handler_that_fails_is_given_the_retry(string how)
    {
        int calls = 0;
        using IntakeBench bench = new(handler: async (_, _) =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                await (how == "throws later" ? Task.Yield() : default);
                throw how == "is cancelled" ? new OperationCanceledException() : new InvalidOperationException("no");
            }
        });

        Assert.Equal(IntakeStatus.HandlerFailed, (await bench.ReceiveAsync(bench.Sign())).Status);
        Assert.Equal(IntakeStatus.Processed, (await bench.ReceiveAsync(bench.Sign())).Status);
        Assert.Contains(bench.Log, line => line.Text.Contains("sender https://seller.example/agent, key id k1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_verifier_whose_request_cannot_be_read_makes_the_sender_come_back()
    {
        using IntakeBench bench = new();
        InboundRequest broken = new("POST", "https://buyer.example/hook",
            static _ => throw new InvalidOperationException("no headers"));

        IntakeResult result = await bench.Intake.ReceiveAsync(broken, System.IO.Pipelines.PipeReader.Create(Stream.Null), null, default);

        Assert.Equal((IntakeStatus.VerifierFailed, true), (result.Status, result.RetryAfter > TimeSpan.Zero));
    }

    [Fact]
    public async Task Keys_that_cannot_be_read_say_when_to_come_back()
    {
        using IntakeBench bench = new(options => options with
        {
            Verifier = new Rfc9421Verifier(new Away(), new InMemoryReplayCache(), new() { TimeProvider = options.TimeProvider }),
        });

        IntakeResult result = await bench.ReceiveAsync(bench.Sign());

        Assert.Equal((IntakeStatus.NotVerified, 503, TimeSpan.FromSeconds(17)),
            (result.Status, result.Verification.StatusCode, result.RetryAfter));
    }

    [Fact]
    public async Task A_flood_of_refusals_is_five_lines_a_minute_for_each_cause_and_none_hides_another()
    {
        using IntakeBench bench = new();
        for (int i = 0; i < 1000; i++)
        {
            await bench.ReceiveAsync(bench.Sign().With("Signature", null).With("Signature-Input", null));
        }

        await bench.ReceiveAsync(bench.Sign(origin: "https://attacker.example"));
        Assert.Equal(5, Warnings("webhook_signature_header_malformed"));
        Assert.Equal(1, Warnings("webhook_signature_invalid"));

        bench.Time.Advance(TimeSpan.FromMinutes(1));
        await bench.ReceiveAsync(bench.Sign().With("Signature", null).With("Signature-Input", null));
        Assert.Equal(6, Warnings("webhook_signature_header_malformed"));
        Assert.Contains(bench.Log,
            line => line.Level == LogLevel.Warning && line.Text.EndsWith("Not logged before this line: 995", StringComparison.Ordinal));

        int Warnings(string code) =>
            bench.Log.Count(line => line.Level == LogLevel.Warning && line.Text.Contains(code, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_id_of_a_stranger_is_cut_in_the_log()
    {
        using IntakeBench bench = new();

        await bench.ReceiveAsync(bench.Sign().Edit("Signature-Input",
            text => text.Replace("\"k1\"", $"\"a b{new string('k', 5000)}\"", StringComparison.Ordinal)));

        string line = Assert.Single(bench.Log, line => line.Text.Contains("key_unknown", StringComparison.Ordinal)).Text;
        Assert.Contains("a\\u0020bkkk", line, StringComparison.Ordinal);
        Assert.InRange(line.Length, 1, 600);
    }

    [Fact]
    public void Every_refusal_names_a_cure() => Assert.All(
        Enum.GetValues<VerificationError>().Where(error => error != VerificationError.None),
        error => Assert.NotEmpty(IntakeLog.Cure(error, ["https://buyer.example"])));

    private sealed class Away : IVerificationKeySource
    {
        public ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken) =>
            new(KeyLookup.UnavailableFor(TimeSpan.FromSeconds(17)));
    }
}
