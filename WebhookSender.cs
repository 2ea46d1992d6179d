using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Adcp.Aot.Payloads;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Sending;

/// <summary>
/// Signs webhooks by AdCP's RFC 9421 profile and makes one attempt at a time. It never retries, follows no redirect, uses no proxy and no
/// cookie, and connects only to addresses that its <see cref="DestinationGuard"/> has checked. One sender serves one signing key; keep it
/// for the life of the process. Safe for concurrent use.
/// </summary>
public sealed class WebhookSender : IWebhookSender, IDisposable, IAsyncDisposable
{
    private const int MaxResponseHeadersKiB = 16;

    private readonly WebhookSenderOptions _options;
    private readonly Rfc9421Signer _signer;
    private readonly SigningKey? _ownedKey;
    private readonly DestinationGuard _guard;
    private readonly AttemptTimeouts _timeouts;
    private readonly HttpMessageInvoker _client;
    private readonly HttpVersionPolicy _versionPolicy;
    private volatile bool _disposed;

    /// <summary>Creates a sender with a signer of the caller's.</summary>
    /// <param name="signer">Signs every attempt. Its key must outlive the sender.</param>
    /// <param name="options">How attempts are made.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// Options contradict each other: a hook that needs private networks without them, or HTTP/2 by prior knowledge without HTTP/2.
    /// </exception>
    public WebhookSender(Rfc9421Signer signer, WebhookSenderOptions options)
        : this(signer, options, ownedKey: null)
    {
    }

    /// <summary>Creates a sender with a key of the caller's.</summary>
    /// <param name="key">Signs every attempt, with the profile's full validity of 300 s. It must outlive the sender.</param>
    /// <param name="options">How attempts are made.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">Options contradict each other.</exception>
    public WebhookSender(SigningKey key, WebhookSenderOptions options)
        : this(new Rfc9421Signer(key), options, ownedKey: null)
    {
    }

    private WebhookSender(Rfc9421Signer signer, WebhookSenderOptions options, SigningKey? ownedKey)
    {
        ArgumentNullException.ThrowIfNull(signer);
        ArgumentNullException.ThrowIfNull(options);
        CheckTogether(options);
        _signer = signer;
        _options = options;
        _ownedKey = ownedKey;
        _guard = new DestinationGuard(options);
        _timeouts = new AttemptTimeouts(options.AttemptTimeout, options.TimeProvider);
        _client = new HttpMessageInvoker(CreateHandler(options, _guard), disposeHandler: true);
        _versionPolicy = options.Http2PriorKnowledge ? HttpVersionPolicy.RequestVersionExact : HttpVersionPolicy.RequestVersionOrLower;
    }

    /// <summary>Creates a sender from a private JWK, which it disposes with itself.</summary>
    /// <param name="jwk">The private key as JSON.</param>
    /// <param name="options">How attempts are made.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The key is malformed, or options contradict each other.</exception>
    public static WebhookSender FromJwk(string jwk, WebhookSenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return FromOwned(SigningKey.FromJwk(jwk), options);
    }

    /// <summary>Creates a sender from a private key in PEM, which it disposes with itself.</summary>
    /// <param name="pem">The text of the PEM.</param>
    /// <param name="keyId">The <c>kid</c> under which the public key is published.</param>
    /// <param name="options">How attempts are made.</param>
    /// <param name="algorithm">The key's algorithm. Default: Ed25519.</param>
    /// <param name="passphrase">The passphrase of an encrypted key.</param>
    /// <exception cref="ArgumentNullException">A required argument is null.</exception>
    /// <exception cref="ArgumentException">The key is malformed, or options contradict each other.</exception>
    public static WebhookSender FromPem(
        string pem,
        string keyId,
        WebhookSenderOptions options,
        SignatureAlgorithm algorithm = SignatureAlgorithm.Ed25519,
        string? passphrase = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return FromOwned(SigningKey.FromPem(pem, keyId, algorithm, passphrase), options);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sequenceNumber"/> is below 1.</exception>
    /// <exception cref="ArgumentException">The payload's idempotency key breaks its pattern.</exception>
    /// <exception cref="ObjectDisposedException">The sender was disposed.</exception>
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(payload);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (sequenceNumber is { } number)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(number, 1, nameof(sequenceNumber));
        }

        if (payload.CarriesSequenceNumber && sequenceNumber is null)
        {
            throw new WebhookPayloadException("missing_sequence_number", "The payload carries a sequence number: draw one first.", nameof(sequenceNumber));
        }

        if (payload.IdempotencyKey is { } given)
        {
            IdempotencyKeys.Validate(given, nameof(payload.IdempotencyKey));
        }

        KeyValuePair<string, string>[]? headers = ExtraHeaders.Freeze(payload.Headers);
        long? carried = payload.CarriesSequenceNumber ? sequenceNumber : null;
        string key = payload.IdempotencyKey ?? IdempotencyKeys.Create();
        PayloadFacts facts = new(
            _options.Version, key, _options.TimeProvider.GetUtcNow(), destination.OperationId, destination.Token, carried);
        return new PreparedWebhook(destination, WriteBody(payload, in facts), key)
        {
            TaskId = payload.AuditTaskId,
            TaskType = payload.AuditTaskType,
            NotificationType = payload.NotificationType,
            NotificationId = payload.NotificationId,
            Headers = headers,
            SequenceNumber = carried,
        };
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Once the receiver's status has arrived it is the result: a body that then breaks off, or a cancellation while it is read, shortens
    /// <see cref="WebhookDeliveryResult.ResponseBody"/> and nothing else. A 2xx must not be lost to what follows it.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="webhook"/> is null.</exception>
    /// <exception cref="ObjectDisposedException">The sender was disposed.</exception>
    public ValueTask<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<WebhookDeliveryResult>(cancellationToken)
            : AttemptAsync(webhook, cancellationToken);
    }

    /// <summary>Makes another attempt with the same key and the same bytes, and a fresh signature.</summary>
    /// <param name="result">What came of an earlier attempt.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>What came of this one.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="result"/> is null.</exception>
    /// <exception cref="ObjectDisposedException">The sender was disposed.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<WebhookDeliveryResult> ResendAsync(WebhookDeliveryResult result, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(result);
        return SendAsync(result.Webhook, cancellationToken);
    }

    /// <summary>Closes idle connections and, where the sender made the key, erases it. Running attempts end as they can.</summary>
    public void Dispose()
    {
        _disposed = true;
        _client.Dispose();
        _ownedKey?.Dispose();
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Names the signer only.</summary>
    public override string ToString() => $"WebhookSender {_signer}";

    private static WebhookSender FromOwned(SigningKey key, WebhookSenderOptions options)
    {
        try
        {
            return new WebhookSender(new Rfc9421Signer(key), options, key);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static void CheckTogether(WebhookSenderOptions options)
    {
        if (options.Http2PriorKnowledge && options.HttpVersion != HttpVersion.Version20)
        {
            throw new ArgumentException("Http2PriorKnowledge needs HttpVersion 2.0.", nameof(options));
        }

        if (!options.AllowPrivateNetworks && options.TransportHooks.FirstOrDefault(hook => hook.RequiresPrivateNetworks) is { } hook)
        {
            throw new ArgumentException($"The transport hook {hook.GetType().Name} needs AllowPrivateNetworks.", nameof(options));
        }
    }

    private static SocketsHttpHandler CreateHandler(WebhookSenderOptions options, DestinationGuard guard) => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = options.ConnectTimeout,
        ConnectCallback = new PinnedConnector(guard, options.ConnectTimeout, options.TimeProvider).ConnectAsync,
        PooledConnectionLifetime = options.PooledConnectionLifetime,
        MaxConnectionsPerServer = options.MaxConnectionsPerServer,
        EnableMultipleHttp2Connections = true,
        MaxResponseHeadersLength = MaxResponseHeadersKiB,
        MaxResponseDrainSize = 0,
        SslOptions = new SslClientAuthenticationOptions
        {
            // Both from AdCP's transport section: nothing older than 1.2, no resumption across trust boundaries. The process-wide session
            // cache knows no boundary between senders.
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowTlsResume = false,
            CertificateChainPolicy = options.CertificateChainPolicy,
        },
    };

    private byte[] WriteBody(WebhookPayload payload, in PayloadFacts facts)
    {
        using BodyWriter writer = new(_options.MaxBodyBytes);
        payload.Write(writer, in facts);
        byte[] body = writer.ToArray();
        return body.Length > 0 ? body : throw new WebhookPayloadException("empty_body", "The payload wrote no body.", nameof(payload));
    }

    private async ValueTask<WebhookDeliveryResult> AttemptAsync(PreparedWebhook webhook, CancellationToken cancellationToken)
    {
        if (!TryRewriteHost(webhook.Destination.Target, out TargetUri? target))
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.SigningFailed, "a transport hook failed");
        }

        if (!_guard.Permits(target, out string? reason))
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.DestinationRefused, reason);
        }

        if (!TryCreateRequest(webhook, target, out HttpRequestMessage? request))
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.SigningFailed, "signing failed");
        }

        using HttpRequestMessage disposeLater = request;
        CancellationTokenSource attempt = _timeouts.Rent();
        try
        {
            using CancellationTokenRegistration registration =
                cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), attempt);
            using HttpResponseMessage response = await _client.SendAsync(request, attempt.Token).ConfigureAwait(false);
            return await ReadAsync(webhook, response, attempt.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (TransportFault.IsTransport(fault))
        {
            return Settle(webhook, fault, attempt, cancellationToken);
        }
        finally
        {
            _timeouts.Return(attempt);
        }
    }

    private static WebhookDeliveryResult Settle(
        PreparedWebhook webhook, Exception fault, CancellationTokenSource attempt, CancellationToken cancellationToken)
    {
        // The caller comes first, then the clock: what a socket says after either is an echo.
        cancellationToken.ThrowIfCancellationRequested();
        if (attempt.IsCancellationRequested)
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.Timeout, TransportFault.AttemptTimeout);
        }

        WebhookSendError error = TransportFault.Classify(fault, out string detail);
        return new WebhookDeliveryResult(webhook, error, detail);
    }

    private bool TryRewriteHost(TargetUri target, [NotNullWhen(true)] out TargetUri? rewritten)
    {
        rewritten = target;
        try
        {
            foreach (ITransportHook hook in _options.TransportHooks)
            {
                if (rewritten is not null && hook.RewriteHost(rewritten) is { } host)
                {
                    rewritten = HostRewrite.Apply(rewritten, host);
                }
            }
        }
        catch (Exception)
        {
            // A hook is not ours, and its message may name the url.
            rewritten = null;
        }

        return rewritten is not null;
    }

    private bool TryCreateRequest(PreparedWebhook webhook, TargetUri target, [NotNullWhen(true)] out HttpRequestMessage? request)
    {
        try
        {
            _signer.Sign(target, webhook.ContentDigest, _options.TimeProvider.GetUtcNow(), out string signatureInput, out string signature);
            request = CreateRequest(webhook, target, signatureInput, signature);
            return true;
        }
        catch (Exception)
        {
            // A key that was disposed or a provider that fails: the attempt is over, the delivery is the supervisor's to judge.
            request = null;
            return false;
        }
    }

    private HttpRequestMessage CreateRequest(PreparedWebhook webhook, TargetUri target, string signatureInput, string signature)
    {
        Uri uri = target.ToRequestUri();
        HttpRequestMessage request = new(HttpMethod.Post, uri)
        {
            Version = _options.HttpVersion,
            VersionPolicy = _versionPolicy,
            Content = new ReadOnlyMemoryContent(webhook.Body),
        };
        if (uri.HostNameType == UriHostNameType.IPv6 && uri.IdnHost != target.Host)
        {
            // Uri compresses an IPv6 address that is spelled out; the signature covers the spelling of the url.
            request.Headers.Host = target.Authority;
        }

        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("Content-Digest", webhook.ContentDigest);
        request.Headers.TryAddWithoutValidation("Signature-Input", signatureInput);
        request.Headers.TryAddWithoutValidation("Signature", signature);
        foreach ((string name, string value) in webhook.Headers ?? [])
        {
            // The client sorts headers into request and content, and refuses one on the wrong side.
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        if (!request.Headers.NonValidated.Contains("User-Agent"))
        {
            request.Headers.TryAddWithoutValidation("User-Agent", _options.UserAgent);
        }

        return request;
    }

    private async ValueTask<WebhookDeliveryResult> ReadAsync(
        PreparedWebhook webhook, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        int status = (int)response.StatusCode;
        if (status is < 100 or > 599)
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.ConnectionFailed, TransportFault.InvalidStatus);
        }

        // What follows a 101 is another protocol and not a body.
        ReadOnlyMemory<byte> body = response.StatusCode == HttpStatusCode.SwitchingProtocols
            ? default
            : await ReadBodyAsync(response.Content, cancellationToken).ConfigureAwait(false);
        return new WebhookDeliveryResult(webhook, status) { ResponseHeaders = response.Headers, ResponseBody = body };
    }

    /// <summary>Reads up to the limit. A body read to its end leaves the connection for reuse; any other closes it with the response.</summary>
    private async ValueTask<ReadOnlyMemory<byte>> ReadBodyAsync(HttpContent content, CancellationToken cancellationToken)
    {
        int limit = (int)Math.Min(content.Headers.ContentLength ?? long.MaxValue, _options.MaxResponseBytes);
        if (limit == 0)
        {
            return default;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(limit);
        int length = 0;
        try
        {
            Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            int read;
            do
            {
                read = await stream.ReadAsync(buffer.AsMemory(length, limit - length), cancellationToken).ConfigureAwait(false);
                length += read;
            }
            while (read > 0 && length < limit);
        }
        catch (Exception fault) when (TransportFault.IsTransport(fault))
        {
            // The status is the answer and has arrived; see the remarks on SendAsync.
        }

        byte[] body = buffer.AsSpan(0, length).ToArray();
        ArrayPool<byte>.Shared.Return(buffer);
        return body;
    }
}
