using System.IO.Pipelines;
using System.Security.Cryptography;
using Adcp.Aot.Receiving;
using Adcp.Aot.Tests.Verification;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>A body is read only if the sender has proven itself, and only a limited number at a time.</summary>
public sealed class BodyBudgetTests
{
    private const int MiB = 1 << 20;

    public static TheoryData<string> UnsoundHeaders => ["unsigned", "tag", "key", "signature", "type", "host", "digest"];

    [Theory]
    [MemberData(nameof(UnsoundHeaders))]
    public async Task A_body_behind_unsound_headers_is_not_read(string what)
    {
        using IntakeBench bench = new();
        SignedMessage sound = bench.Sign();
        SignedMessage message = what switch
        {
            "unsigned" => sound.With("Signature", null).With("Signature-Input", null),
            "tag" => sound.Edit("Signature-Input", text => text.Replace("webhook-signing", "other", StringComparison.Ordinal)),
            "key" => sound.Edit("Signature-Input", text => text.Replace("\"k1\"", "\"k2\"", StringComparison.Ordinal)),
            "signature" => sound.Edit("Signature-Input", text => text.Replace("created=", "created=1", StringComparison.Ordinal)),
            "type" => sound.With("Content-Type", "text/plain"),
            "host" => bench.Sign(origin: "https://attacker.example"),
            _ => sound.With("Content-Digest", "sha-256=:x:"),
        };

        IntakeResult result = await bench.ReceiveAsync(message, new UntouchablePipe());

        Assert.Equal((IntakeStatus.NotVerified, false), (result.Status, result.BodyWasRead));
        Assert.Equal((0, 0), (bench.Intake.BufferedBytes, bench.Intake.WebhooksUnderWay));
    }

    [Theory]
    [InlineData("hmac")]
    [InlineData("bearer")]
    [InlineData("standard")]
    public async Task The_other_ways_do_not_read_a_body_without_their_headers_either(string way)
    {
        const string Secret = "a-secret-of-the-registration-0123456789";
        using IntakeBench bench = new(options => options with
        {
            Verifier = way switch
            {
                "hmac" => new LegacyHmacVerifier([Secret], "seller", timeProvider: options.TimeProvider),
                "bearer" => new BearerVerifier([Secret], "seller"),
                _ => new StandardWebhooksVerifier(["whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))], "seller",
                    timeProvider: options.TimeProvider),
            },
        });
        Dictionary<string, string> headers = new() { ["content-type"] = "application/json" };
        SignedMessage unsigned = new("POST", "https://buyer.example/hook", [], headers);

        Assert.Equal(VerificationError.HeaderMalformed, (await bench.ReceiveAsync(unsigned, new UntouchablePipe())).Verification.Error);
        SignedMessage wrong = way == "bearer" ? unsigned.With("authorization", "Bearer another-secret-of-a-registration") : bench.Sign();
        Assert.Equal(
            way == "bearer" ? VerificationError.SignatureInvalid : VerificationError.ModeMismatch, (await bench.ReceiveAsync(wrong,
                new UntouchablePipe())).Verification.Error);
    }

    [Fact]
    public async Task An_announced_body_that_is_too_large_is_not_read()
    {
        using IntakeBench bench = new();

        IntakeResult result = await bench.ReceiveAsync(bench.Sign(), new UntouchablePipe(), MiB + 1);

        Assert.Equal((VerificationError.BodyTooLarge, 413), (result.Verification.Error, result.Verification.StatusCode));
    }

    [Fact]
    public async Task A_body_that_grows_too_large_is_given_up()
    {
        using IntakeBench bench = new();
        Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 0));
        await pipe.Writer.WriteAsync(new byte[MiB + 1]);

        IntakeResult result = await bench.ReceiveAsync(bench.Sign(), pipe.Reader);

        Assert.Equal(VerificationError.BodyTooLarge, result.Verification.Error);
        Assert.Equal((0, 0), (bench.Intake.BufferedBytes, bench.Intake.WebhooksUnderWay));
    }

    [Fact]
    public async Task Bodies_that_drip_are_bounded_in_number_and_the_next_is_told_to_come_back()
    {
        using IntakeBench bench = new(options => options with { MaxConcurrentWebhooks = 4 });
        Drip[] drips = [.. Enumerable.Range(0, 4).Select(_ => new Drip(bench))];
        await IntakeBench.UntilAsync(() => bench.Intake.WebhooksUnderWay == 4);

        IntakeResult refused = await bench.ReceiveAsync(bench.Sign(), new UntouchablePipe());
        Assert.Equal((IntakeStatus.Busy, true, false), (refused.Status, refused.RetryAfter > TimeSpan.Zero, refused.BodyWasRead));

        await drips[0].EndAsync();
        await IntakeBench.UntilAsync(() => bench.Intake.WebhooksUnderWay == 3);
        Assert.Equal(IntakeStatus.Processed, (await bench.ReceiveAsync(bench.Sign())).Status);
        foreach (Drip drip in drips[1..])
        {
            await drip.EndAsync();
        }

        Assert.Equal((0, 0), (bench.Intake.BufferedBytes, bench.Intake.WebhooksUnderWay));
    }

    [Fact]
    public async Task Bodies_are_bounded_in_bytes_too()
    {
        const int Bound = 4 * MiB;
        using IntakeBench bench = new(options => options with { MaxBufferedBytes = Bound });
        Drip[] drips = [.. Enumerable.Range(0, 20).Select(_ => new Drip(bench))];
        long most = 0;
        for (int sent = 0; sent < MiB; sent += MiB / 16)
        {
            foreach (Drip drip in drips.Where(drip => !drip.Receiving.IsCompleted))
            {
                await drip.WriteAsync(MiB / 16);
                most = Math.Max(most, bench.Intake.BufferedBytes);
            }
        }

        Assert.InRange(most, MiB, Bound);
        foreach (Drip drip in drips)
        {
            await drip.EndAsync();
        }

        IntakeStatus[] outcomes = [.. drips.Select(drip => drip.Receiving.Result.Status)];
        Assert.Contains(IntakeStatus.Busy, outcomes);
        Assert.Contains(IntakeStatus.NotVerified, outcomes);
        Assert.Equal((0, 0), (bench.Intake.BufferedBytes, bench.Intake.WebhooksUnderWay));
    }

    [Fact]
    public async Task A_body_that_does_not_come_is_given_up_after_its_time()
    {
        using IntakeBench bench = new(options => options with { ReadTimeout = TimeSpan.FromSeconds(3) });
        Drip drip = new(bench);

        await bench.Time.PassAsync(TimeSpan.FromSeconds(3));

        Assert.Equal(IntakeStatus.BodyTooSlow, (await drip.Receiving).Status);
        Assert.Equal(0, bench.Intake.WebhooksUnderWay);
    }

    [Fact]
    public async Task A_body_that_breaks_off_is_an_outcome()
    {
        using IntakeBench bench = new();
        Pipe pipe = new();
        await pipe.Writer.CompleteAsync(new IOException("connection reset"));

        IntakeResult result = await bench.ReceiveAsync(bench.Sign(), pipe.Reader);

        Assert.Equal((IntakeStatus.BodyBroken, typeof(IOException)), (result.Status, result.Fault?.GetType()));
    }

    [Fact]
    public async Task A_sender_that_hangs_up_while_it_sends_is_not_answered()
    {
        using IntakeBench bench = new();
        using CancellationTokenSource hungUp = new();
        Pipe pipe = new();
        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Sign().Request(), pipe.Reader, null, hungUp.Token).AsTask();
        await IntakeBench.UntilAsync(() => bench.Intake.WebhooksUnderWay == 1);

        await hungUp.CancelAsync();

        Assert.Equal(IntakeStatus.SenderGone, (await receiving).Status);
        Assert.Equal(0, bench.Intake.WebhooksUnderWay);
    }

    [Fact]
    public void The_bounds_must_let_one_body_through()
    {
        ArgumentException small = Assert.Throws<ArgumentException>(
            () => new IntakeBench(options => options with { MaxBufferedBytes = MiB }));
        Assert.Contains("MaxBufferedBytes", small.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new IntakeBench(options => options with { MaxConcurrentWebhooks = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new IntakeBench(options => options with { MaxBufferedBytes = 0 }));
    }

    /// <summary>A body that arrives slowly, under a signature that is valid until the digest is compared.</summary>
    private sealed class Drip
    {
        // The intake reads on the thread of the writer, so each write is counted when it returns.
        private readonly Pipe _pipe = new(new PipeOptions(
            readerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));

        public Drip(IntakeBench bench) => Receiving = bench.ReceiveAsync(bench.Sign(), _pipe.Reader);

        public Task<IntakeResult> Receiving { get; }

        public async Task WriteAsync(int bytes) => await _pipe.Writer.WriteAsync(new byte[bytes]);

        public async Task EndAsync()
        {
            await _pipe.Writer.CompleteAsync();
            await Receiving;
        }
    }

    /// <summary>A body that must not be read.</summary>
    private sealed class UntouchablePipe : PipeReader
    {
        public override void AdvanceTo(SequencePosition consumed) => throw new InvalidOperationException("read");

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => throw new InvalidOperationException("read");

        public override void CancelPendingRead()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException("read");

        public override bool TryRead(out ReadResult result) => throw new InvalidOperationException("read");
    }
}
