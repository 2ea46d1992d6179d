using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Faults of the seller's own process cost no attempt, and answers that are not final are tried again.</summary>
public sealed class OutboxOwnFaultTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Theory]
    [InlineData((int)WebhookSendError.SignerUnavailable)]
    [InlineData((int)WebhookSendError.LocalNetwork)]
    [InlineData((int)WebhookSendError.SigningFailed)]
    public async Task Fault_of_the_own_process_is_no_attempt_however_often_it_comes(int error)
    {
        int made = 0;
        RecordingSender sender = _bench.Sender((_, _, _) => ValueTask.FromResult(Interlocked.Increment(ref made) <= 4 ? -error : 200));
        await _bench.EnqueueAsync("a.example");

        // Two attempts are the most, and four own faults do not use them up.
        await _bench.StartAsync(
            sender,
            options => options with
            {
                Attempts = _bench.Attempts with { Retry = OutboxWorkerOptions.DefaultRetry with { MaxAttempts = 2 } },
            });
        await _bench.UntilEmptyAsync();

        Assert.Empty(_bench.Store.DeadRows);
        Assert.Equal(5, sender.Count);
        Assert.Equal(1, _bench.Records[^1].AttemptNumber);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(408)]
    [InlineData(425)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Answer_that_is_not_final_is_tried_again(int status)
    {
        RecordingSender sender = _bench.Sender((_, attempt, _) => ValueTask.FromResult(attempt == 1 ? status : 200));
        await _bench.EnqueueAsync("a.example");
        await _bench.StartAsync(sender);

        await _bench.UntilEmptyAsync();

        Assert.Empty(_bench.Store.DeadRows);
        Assert.Equal(2, sender.Count);
    }
}
