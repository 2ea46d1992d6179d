using Adcp.Aot.Signing;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Sending;

/// <summary>The parts that the keys of all tenants share.</summary>
internal sealed record TenantKeys(
    Func<string, CancellationToken, ValueTask<WebhookAuthenticator?>> Find, TenantSenderOptions Options, CallGuard Guard);

/// <summary>
/// The key of one tenant, which is looked up when it is needed and remembered for a time. Attempts that need it at once share a
/// look-up. Thread-safe.
/// </summary>
internal sealed class TenantKey(string tenant, TenantKeys shared)
{
    /// <summary>The time for which the answer "no key" counts, and for which an old key signs after a look-up failed.</summary>
    internal static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private Answer? _answer;
    private Task<Answer>? _reading;

    /// <summary>Returns the tenant's signer.</summary>
    /// <exception cref="SignerUnavailableException">The look-up failed.</exception>
    /// <exception cref="TenantWithoutKeyException">The tenant has no key.</exception>
    internal ValueTask<WebhookAuthenticator> GetAsync(CancellationToken cancellationToken)
    {
        Answer? answer = Volatile.Read(ref _answer);
        return answer is not null && IsFresh(answer)
            ? new(answer.Signer ?? throw new TenantWithoutKeyException())
            : ReadAsync(cancellationToken);
    }

    private bool IsFresh(Answer answer) => shared.Options.TimeProvider.GetElapsedTime(answer.At) < answer.Lifetime;

    private async ValueTask<WebhookAuthenticator> ReadAsync(CancellationToken cancellationToken)
    {
        Task<Answer> reading;
        lock (_lock)
        {
            reading = _reading is { IsCompleted: false } ? _reading : _reading = FindAsync();
        }

        Answer answer;
        try
        {
            // One attempt that gives up does not end the look-up of the others.
            answer = await reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException gaveUp)
        {
            throw new SignerUnavailableException(gaveUp);
        }

        return answer.Fault is { } fault ? throw new SignerUnavailableException(fault)
            : answer.Signer ?? throw new TenantWithoutKeyException();
    }

    /// <summary>Looks the key up. Never throws: a failure is an answer that is not remembered.</summary>
    private async Task<Answer> FindAsync()
    {
        TimeProvider time = shared.Options.TimeProvider;
        try
        {
            WebhookAuthenticator? signer = await shared.Guard.RunAsync(
                (shared.Find, tenant),
                static (call, token) => call.Find(call.tenant, token),
                shared.Options.CallTimeout,
                CancellationToken.None).ConfigureAwait(false);
            return Keep(new Answer(signer, time.GetTimestamp(), signer is null ? Cooldown : shared.Options.KeyLifetime));
        }
        catch (Exception fault)
        {
            // If the key service is away, the tenant's key was not taken back, so it continues to sign.
            return Volatile.Read(ref _answer) is { Signer: not null } old
                ? Keep(old with { At = time.GetTimestamp(), Lifetime = Cooldown })
                : new Answer(null, 0, TimeSpan.Zero, fault);
        }
    }

    private Answer Keep(Answer answer)
    {
        Volatile.Write(ref _answer, answer);
        return answer;
    }

    private sealed record Answer(WebhookAuthenticator? Signer, long At, TimeSpan Lifetime, Exception? Fault = null);
}

/// <summary>A tenant has no signing key, and no other key signs in its place.</summary>
internal sealed class TenantWithoutKeyException() : InvalidOperationException("no signing key for the tenant");
