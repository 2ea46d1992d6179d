using System.Collections.Concurrent;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Adcp.Aot.Threading;

namespace Adcp.Aot;

/// <summary>
/// Signs the webhooks of each tenant with a key of its own, over the connections of one sender. Keys are looked up at a tenant's first
/// attempt and remembered, for a bounded number of tenants. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A look-up that fails ends the attempt as <see cref="WebhookSendError.SignerUnavailable"/>, which is retried and charged to no
/// endpoint. A tenant without a key ends it as <see cref="WebhookSendError.SigningFailed"/>: no other key signs in its place.
/// Attempts of one tenant share a look-up. A key that is older than <see cref="TenantSenderOptions.KeyLifetime"/> is looked up again,
/// and continues to sign if that fails.
/// </para>
/// <para>
/// A key that is forgotten is not disposed, because attempts may still use it. The garbage collector releases it.
/// </para>
/// </remarks>
public sealed class TenantSenders : IWebhookSenderSource
{
    private readonly WebhookSender _shared;
    private readonly TenantKeys _keys;
    private readonly ConcurrentDictionary<string, TenantSender> _senders = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly int _maxTenants;

    /// <summary>Creates the senders of tenants.</summary>
    /// <param name="shared">The sender whose connections and options are used. The caller disposes it.</param>
    /// <param name="find">
    /// Returns the signer of a tenant's key, such as an <see cref="Rfc9421Signer"/>; <see langword="null"/> if the tenant has none. It
    /// may be slow or throw, and is called on the thread pool.
    /// </param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="shared"/> or <paramref name="find"/> is null.</exception>
    public TenantSenders(
        WebhookSender shared, Func<string, CancellationToken, ValueTask<WebhookAuthenticator?>> find, TenantSenderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(shared);
        ArgumentNullException.ThrowIfNull(find);
        options ??= new TenantSenderOptions();
        _shared = shared;
        _maxTenants = options.MaxTenants;
        _keys = new TenantKeys(find, options, new CallGuard("The look-up of a tenant's key", options.TimeProvider));
    }

    /// <summary>Gets the number of tenants whose keys are remembered.</summary>
    public int Count => _senders.Count;

    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="tenant"/> is null.</exception>
    public IWebhookSender GetSender(string tenant)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (!_senders.TryGetValue(tenant, out TenantSender? sender))
        {
            sender = Add(tenant);
        }

        sender.WasUsed = true;
        return sender;
    }

    /// <summary>Forgets the key of a tenant, so that the next attempt looks it up again, such as after a rotation.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <returns><see langword="true"/> if a key was remembered.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tenant"/> is null.</exception>
    public bool Forget(string tenant)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return _senders.TryRemove(tenant, out _);
    }

    private TenantSender Add(string tenant)
    {
        lock (_lock)
        {
            if (_senders.Count >= _maxTenants)
            {
                Sweep();
            }

            return _senders.GetOrAdd(tenant, static (name, source) => source.Create(name), this);
        }
    }

    /// <summary>Forgets the tenants that were not used since the last sweep, or all of them if there is none.</summary>
    private void Sweep()
    {
        int before = _senders.Count;
        foreach ((string tenant, TenantSender sender) in _senders)
        {
            if (!sender.WasUsed)
            {
                _senders.TryRemove(tenant, out _);
            }

            sender.WasUsed = false;
        }

        if (_senders.Count == before)
        {
            _senders.Clear();
        }
    }

    private TenantSender Create(string tenant) => new(_shared, _shared.RequestsOf(new TenantKey(tenant, _keys)));

    /// <summary>The sender of one tenant.</summary>
    private sealed class TenantSender(WebhookSender shared, RequestFactory requests) : IWebhookSender
    {
        /// <summary>Gets the facts of the shared sender without its key: the tenant's is not known before it is looked up.</summary>
        public WebhookSenderFacts? Facts { get; } = shared.Facts with { KeyId = null, Algorithm = null };

        /// <summary>Gets or sets whether an attempt used it since the last sweep.</summary>
        internal bool WasUsed { get; set; }

        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
            shared.Prepare(destination, payload, sequenceNumber);

        public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
            shared.SendAsync(webhook, requests, cancellationToken);
    }
}
