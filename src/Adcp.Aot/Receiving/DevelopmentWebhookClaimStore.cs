
namespace Adcp.Aot.Receiving;

/// <summary>
/// Keeps claims in memory, for development and tests only: a restart forgets the processed webhooks, which AdCP forbids. Thread-safe.
/// </summary>
public sealed class DevelopmentWebhookClaimStore : IWebhookClaimStore
{
    private readonly Lock _turn = new();
    private readonly Dictionary<(string Sender, string Key), Binding> _bindings = [];
    private readonly Dictionary<string, int> _keysOf = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly int _maxKeysPerSender;

    /// <summary>Creates a store.</summary>
    /// <param name="maxKeysPerSender">The most keys of one sender. At least 1, default 100,000.</param>
    /// <param name="timeProvider">The clock of leases and retention. Default: the system's.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxKeysPerSender"/> is less than 1.</exception>
    public DevelopmentWebhookClaimStore(int maxKeysPerSender = 100_000, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxKeysPerSender, 1);
        _maxKeysPerSender = maxKeysPerSender;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <summary>Gets <c>false</c>.</summary>
    public bool IsDurable => false;

    /// <inheritdoc/>
    public ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(idempotencyKey);
        lock (_turn)
        {
            DateTimeOffset now = _time.GetUtcNow();
            if (_bindings.TryGetValue((sender, idempotencyKey), out Binding? binding)
                && binding.RetainUntil <= now && binding.LeaseUntil <= now)
            {
                Forget(sender, idempotencyKey);
                binding = null;
            }

            if (binding is null)
            {
                if (_keysOf.GetValueOrDefault(sender) >= _maxKeysPerSender)
                {
                    ForgetExpired(sender, now);
                }

                if (_keysOf.GetValueOrDefault(sender) >= _maxKeysPerSender)
                {
                    return new(new WebhookClaim(sender, idempotencyKey, 0, ClaimStatus.SenderFull));
                }

                binding = new Binding { Fingerprint = fingerprint.ToArray(), RetainUntil = now + retention };
                _bindings.Add((sender, idempotencyKey), binding);
                _keysOf[sender] = _keysOf.GetValueOrDefault(sender) + 1;
            }

            ClaimStatus status = !fingerprint.Span.SequenceEqual(binding.Fingerprint) ? ClaimStatus.Conflict
                : binding.IsCompleted ? ClaimStatus.Completed
                : binding.LeaseUntil > now ? ClaimStatus.InProgress
                : ClaimStatus.Owned;
            if (status == ClaimStatus.Owned)
            {
                binding.Owner = WebhookClaim.NewOwner();
                binding.LeaseUntil = now + lease;
            }

            return new(new WebhookClaim(sender, idempotencyKey, status == ClaimStatus.Owned ? binding.Owner : 0, status));
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken) =>
        Settle(
            claim,
            static (binding, now) => !binding.IsCompleted && binding.LeaseUntil > now,
            (binding, now) => binding.LeaseUntil = now + lease);

    /// <inheritdoc/>
    public ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken) => Settle(
        claim,
        static (binding, now) => binding.IsCompleted || binding.LeaseUntil > now,
        static (binding, _) =>
        {
            binding.IsCompleted = true;
            binding.LeaseUntil = default;
        });

    /// <inheritdoc/>
    public ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken) => Settle(
        claim,
        static (binding, now) => !binding.IsCompleted && (binding.LeaseUntil == default || binding.LeaseUntil > now),
        static (binding, _) => binding.LeaseUntil = default);

    private ValueTask<bool> Settle(
        WebhookClaim claim, Func<Binding, DateTimeOffset, bool> isAllowed, Action<Binding, DateTimeOffset> change)
    {
        lock (_turn)
        {
            DateTimeOffset now = _time.GetUtcNow();
            bool isDone = claim.Status == ClaimStatus.Owned
                && _bindings.TryGetValue((claim.Sender, claim.IdempotencyKey), out Binding? binding)
                && binding.Owner == claim.Owner && isAllowed(binding, now);
            if (isDone)
            {
                change(_bindings[(claim.Sender, claim.IdempotencyKey)], now);
            }

            return new(isDone);
        }
    }

    private void ForgetExpired(string sender, DateTimeOffset now)
    {
        (string Sender, string Key)[] expired =
            [.. _bindings.Where(b => b.Key.Sender == sender && b.Value.RetainUntil <= now && b.Value.LeaseUntil <= now).Select(b => b.Key)];
        foreach ((string Sender, string Key) id in expired)
        {
            Forget(id.Sender, id.Key);
        }
    }

    private void Forget(string sender, string key)
    {
        _bindings.Remove((sender, key));
        _keysOf[sender]--;
    }

    private sealed class Binding
    {
        internal required byte[] Fingerprint { get; init; }

        internal DateTimeOffset RetainUntil { get; init; }

        internal DateTimeOffset LeaseUntil { get; set; }

        internal bool IsCompleted { get; set; }

        internal long Owner { get; set; }
    }
}
