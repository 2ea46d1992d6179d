using Adcp.Aot.Receiving;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>A claim store whose calls follow a test's script, and otherwise behave as one in memory.</summary>
internal sealed class ScriptedClaimStore(TimeProvider time) : IWebhookClaimStore
{
    private readonly DevelopmentWebhookClaimStore _inner = new(timeProvider: time);
    private int _renewals;
    private int _completions;
    private int _releases;

    /// <summary>Runs before the n-th claim, renewal, completion or release, from 1. It may throw, block or never return.</summary>
    public Func<string, int, CancellationToken, Task> Before { get; set; } = (_, _, _) => Task.CompletedTask;

    /// <summary>The answer of renewals; null for the real one.</summary>
    public bool? Renews { get; set; }

    public int Renewals => Volatile.Read(ref _renewals);

    public int Completions => Volatile.Read(ref _completions);

    public int Releases => Volatile.Read(ref _releases);

    public bool IsDurable => true;

    public async ValueTask CheckAsync(CancellationToken cancellationToken = default) => await Before("check", 1, cancellationToken);

    public async ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
        CancellationToken cancellationToken)
    {
        await Before("claim", 1, cancellationToken);
        return await _inner.ClaimAsync(sender, idempotencyKey, fingerprint, lease, retention, cancellationToken);
    }

    public async ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken)
    {
        await Before("renew", Interlocked.Increment(ref _renewals), cancellationToken);
        return Renews ?? await _inner.RenewAsync(claim, lease, cancellationToken);
    }

    public async ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken)
    {
        await Before("complete", Interlocked.Increment(ref _completions), cancellationToken);
        return await _inner.CompleteAsync(claim, cancellationToken);
    }

    public async ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken)
    {
        await Before("release", Releases + 1, cancellationToken);
        bool released = await _inner.ReleaseAsync(claim, cancellationToken);

        // After the release, because tests wait for the number and then claim again.
        Interlocked.Increment(ref _releases);
        return released;
    }
}
