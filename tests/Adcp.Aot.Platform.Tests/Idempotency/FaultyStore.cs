using System.Threading.Channels;
using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>A store that is away, or loses a claim, when a test says so.</summary>
internal sealed class FaultyStore : IIdempotencyStore
{
    public bool FailsToClaim { get; set; }

    public bool FailsToKeep { get; set; }

    /// <summary>Gets whether a call never returns, even if its token is cancelled.</summary>
    public bool Hangs { get; set; }

    private readonly TaskCompletionSource<string> _kept = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<TimeSpan> _renewed = Channel.CreateUnbounded<TimeSpan>();

    public bool IsTakenOver { get; set; }

    public List<string> Kept { get; } = [];

    public int Suspended { get; private set; }

    public List<TimeSpan> Leases { get; } = [];

    public bool IsDurable => true;

    public TimeSpan ReplayTimeToLive => TimeSpan.FromHours(24);

    public Task<string> KeptAsync() => _kept.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Turns the clock until the claim is renewed once more.</summary>
    public async Task RenewedAsync(int before, TurnedTime time)
    {
        Task<TimeSpan> renewed = _renewed.Reader.ReadAsync().AsTask();
        while (!renewed.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(renewed, Task.Delay(5));
        }

        Assert.Equal(before + 2, Leases.Count);
    }

    public ValueTask<IdempotencyClaim> ClaimAsync(
        string tenant, string request, string fingerprint, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        Leases.Add(lease);
        return Hangs ? new(new TaskCompletionSource<IdempotencyClaim>().Task) : FailsToClaim ? throw new IOException("away")
            : new(new IdempotencyClaim(tenant, request, fingerprint, IdempotencyClaimStatus.Owned, 1));
    }

    public ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        Leases.Add(lease);
        _renewed.Writer.TryWrite(lease);
        return new(!IsTakenOver);
    }

    public ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default)
    {
        if (Hangs)
        {
            return new(new TaskCompletionSource<bool>().Task);
        }

        if (FailsToKeep)
        {
            throw new IOException("away");
        }

        Kept.Add(answer);
        _kept.TrySetResult(answer);
        return new(true);
    }

    public ValueTask<bool> IsKnownAsync(string tenant, string request, CancellationToken cancellationToken = default) => new(false);

    public ValueTask<bool> NoteTaskAsync(IdempotencyClaim claim, string taskId, CancellationToken cancellationToken = default) => new(true);

    public ValueTask<bool> SuspendAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        Suspended++;
        return new(true);
    }

    public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default) =>
        FailsToKeep ? throw new IOException("away") : new(true);
}
