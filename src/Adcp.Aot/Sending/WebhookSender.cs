using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Adcp.Aot.Payloads;
using Adcp.Aot.Signing;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Sending;

/// <summary>
/// Makes authenticated attempts over pooled connections to checked addresses. No retry, no redirect, no proxy, no cookie, no HTTP/3. Thread-safe; keep one for the life of the
/// process, and dispose it after the supervisors that use it.
/// </summary>
public sealed partial class WebhookSender : IWebhookSender, IDisposable
{
    private const int MaxSpareBody = 64 << 10;

    private static readonly Version Http2 = new(2, 0);

    /// <summary>Where this thread writes its next body before it is copied out at its length.</summary>
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _spareBody;

    private readonly WebhookAuthenticator _authenticator;
    private readonly WebhookSenderOptions _options;
    private readonly DestinationGuard _guard;
    private readonly HttpMessageInvoker _http;
    private readonly AttemptTimeouts _timeouts;
    private readonly IDisposable? _ownedKey;
    private bool _disposed;
    private int _deprecationLogged;

    /// <summary>Creates a sender.</summary>
    /// <param name="authenticator">Signs every attempt to a destination without an <c>authentication</c> of its own; its key stays the caller's to dispose.</param>
    /// <param name="options">How to make attempts.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A transport hook needs private networks and they are not allowed.</exception>
    public WebhookSender(WebhookAuthenticator authenticator, WebhookSenderOptions options)
        : this(authenticator, options, null)
    {
    }

    private WebhookSender(WebhookAuthenticator authenticator, WebhookSenderOptions options, IDisposable? ownedKey)
    {
        ArgumentNullException.ThrowIfNull(authenticator);
        ArgumentNullException.ThrowIfNull(options);
        foreach (ITransportHook hook in options.TransportHooks)
        {
            if (hook is null || (hook.NeedsPrivateNetworks && !options.AllowPrivateNetworks))
            {
                throw new ArgumentException(
                    "A transport hook is null, or reaches private networks while AllowPrivateNetworks is false.", nameof(options));
            }
        }

        _authenticator = authenticator;
        _options = options;
        _ownedKey = ownedKey;
        _guard = new DestinationGuard(options);
        _timeouts = new AttemptTimeouts(options.AttemptTimeout, options.TimeProvider);
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            PooledConnectionLifetime = options.ConnectionLifetime,
            EnableMultipleHttp2Connections = true,
            MaxResponseHeadersLength = 16,
            MaxResponseDrainSize = 0,
            ConnectTimeout = options.AttemptTimeout,
            ConnectCallback = new PinnedConnector(_guard, options.ConnectTimeout, options.TimeProvider, options.Resolver).ConnectAsync,
        };

        // No session is resumed: two destinations of one host may be two trust boundaries.
        handler.SslOptions.AllowTlsResume = false;
        handler.SslOptions.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        _http = new HttpMessageInvoker(handler);
        LogDeprecation(authenticator);
    }

    /// <summary>A sender that signs with a private JWK.</summary>
    /// <param name="jwk">The JWK; see <see cref="SigningKey.FromJwk"/>.</param>
    /// <param name="options">How to make attempts.</param>
    /// <exception cref="ArgumentException">The key cannot be used.</exception>
    public static WebhookSender FromJwk(string jwk, WebhookSenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Owning(SigningKey.FromJwk(jwk), options);
    }

    /// <summary>A sender that signs with a PEM private key.</summary>
    /// <param name="pem">The PEM text; see <see cref="SigningKey.FromPem"/>.</param>
    /// <param name="keyId">The <c>kid</c> under which the public key is published.</param>
    /// <param name="options">How to make attempts.</param>
    /// <param name="algorithm">The algorithm the key must be for.</param>
    /// <param name="passphrase">The passphrase of an encrypted PEM.</param>
    /// <exception cref="ArgumentException">The key cannot be used.</exception>
    public static WebhookSender FromPem(
        string pem, string keyId, WebhookSenderOptions options, SignatureAlgorithm algorithm = SignatureAlgorithm.Ed25519, string? passphrase = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Owning(SigningKey.FromPem(pem, keyId, algorithm, passphrase), options);
    }

    /// <summary>A sender that authenticates by AdCP's legacy HMAC-SHA256, which AdCP has deprecated; prefer <see cref="FromJwk"/>.</summary>
    /// <param name="secret">The shared secret; see <see cref="LegacyHmacSigner"/>.</param>
    /// <param name="options">How to make attempts.</param>
    /// <exception cref="ArgumentException">The secret is short or a pattern.</exception>
    public static WebhookSender FromLegacyHmac(string secret, WebhookSenderOptions options) => new(new LegacyHmacSigner(secret), options);

    /// <summary>A sender that authenticates by a bearer token, which AdCP has deprecated; prefer <see cref="FromJwk"/>.</summary>
    /// <param name="token">The token; see <see cref="BearerToken"/>.</param>
    /// <param name="options">How to make attempts.</param>
    /// <exception cref="ArgumentException">The token could not be sent as it is.</exception>
    public static WebhookSender FromBearerToken(string token, WebhookSenderOptions options) => new(new BearerToken(token), options);

    /// <summary>A sender that signs by Standard Webhooks, for receivers outside AdCP.</summary>
    /// <param name="secret">The <c>whsec_</c> secret. While it is being rotated, pass a <see cref="StandardWebhooksSigner"/> with both to the constructor.</param>
    /// <param name="options">How to make attempts.</param>
    /// <exception cref="ArgumentException">Not such a secret.</exception>
    public static WebhookSender FromStandardWebhooksSecret(string secret, WebhookSenderOptions options) => new(new StandardWebhooksSigner([secret]), options);

    /// <inheritdoc/>
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(payload);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (sequenceNumber is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(sequenceNumber), sequenceNumber, "Sequence numbers begin at 1.");
        }

        if (payload.CarriesSequenceNumber && sequenceNumber is null)
        {
            throw new WebhookPayloadException("missing_sequence_number", "The payload carries its sequence number and none was given.", nameof(sequenceNumber));
        }

        string key = payload.IdempotencyKey ?? IdempotencyKeys.Create();
        IdempotencyKeys.Validate(key, nameof(payload));
        HeaderRules.Check(payload.Headers);
        ArrayBufferWriter<byte> body = _spareBody ?? new ArrayBufferWriter<byte>(4096);
        _spareBody = null;
        body.ResetWrittenCount();
        PayloadFacts facts = new(
            _options.Version, key, _options.TimeProvider.GetUtcNow(), destination.OperationId, destination.Token,
            payload.CarriesSequenceNumber ? sequenceNumber : null);
        payload.Write(body, facts);
        if (body.WrittenCount > _options.MaxBodyBytes)
        {
            throw new WebhookPayloadException(
                "body_too_large", $"The body has {body.WrittenCount} bytes; {_options.MaxBodyBytes} are allowed.", nameof(payload));
        }

        byte[] frozen = body.WrittenSpan.ToArray();
        _spareBody = body.Capacity <= MaxSpareBody ? body : null;
        return new PreparedWebhook(destination, frozen, key)
        {
            TaskId = payload.AuditTaskId,
            TaskType = payload.AuditTaskType,
            NotificationType = payload.NotificationType,
            NotificationId = payload.NotificationId,
            Headers = payload.Headers is { Count: > 0 } headers ? [.. headers] : null,
            SequenceNumber = payload.CarriesSequenceNumber ? sequenceNumber : null,
        };
    }

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<WebhookDeliveryResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (!TryRewrite(webhook.Destination.Target, out TargetUri target))
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.DestinationRefused, "a transport hook gave no valid host");
        }

        if (Refuse(webhook.Destination, target) is { } rule)
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.DestinationRefused, rule);
        }

        CancellationTokenSource attempt = _timeouts.Start();
        try
        {
            using CancellationTokenRegistration caller = cancellationToken.UnsafeRegister(
                static state => ((CancellationTokenSource)state!).Cancel(), attempt);
            HttpRequestMessage request;
            try
            {
                request = await AuthenticateAsync(webhook, target, attempt.Token).ConfigureAwait(false);
            }
            catch (Exception fault) when (cancellationToken.IsCancellationRequested && fault is OperationCanceledException or SignerUnavailableException)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (SignerUnavailableException fault)
            {
                return new WebhookDeliveryResult(webhook, WebhookSendError.SignerUnavailable, fault.Message);
            }
            catch (Exception fault)
            {
                return new WebhookDeliveryResult(webhook, WebhookSendError.SigningFailed, "signing failed: " + fault.GetType().Name);
            }

            using (request)
            {
                try
                {
                    using HttpResponseMessage response = await _http.SendAsync(request, attempt.Token).ConfigureAwait(false);
                    return new WebhookDeliveryResult(webhook, Math.Clamp((int)response.StatusCode, 100, 599))
                    {
                        ResponseHeaders = response.Headers,
                        ResponseBody = IsEmpty(response) ? default : await ReadAsync(response, attempt.Token).ConfigureAwait(false),
                    };
                }
                catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
                {
                    throw new OperationCanceledException(cancellationToken);
                }
                catch (Exception fault) when (attempt.IsCancellationRequested || IsTransport(fault))
                {
                    return Failed(webhook, fault, attempt.IsCancellationRequested);
                }
            }
        }
        finally
        {
            _timeouts.End(attempt);
        }
    }

    /// <summary>Makes one more attempt of what a result sent: the same key and bytes, a fresh signature.</summary>
    /// <param name="result">An earlier attempt's result.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ArgumentNullException"><paramref name="result"/> is null.</exception>
    public ValueTask<WebhookDeliveryResult> ResendAsync(WebhookDeliveryResult result, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(result);
        return SendAsync(result.Webhook, cancellationToken);
    }

    /// <summary>Closes the connections. Attempts under way fail.</summary>
    public void Dispose()
    {
        _disposed = true;
        _http.Dispose();
        _ownedKey?.Dispose();
    }

    private static WebhookSender Owning(SigningKey key, WebhookSenderOptions options)
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

    private static bool IsTransport(Exception fault) =>
        fault is HttpRequestException or IOException or SocketException or TimeoutException or AuthenticationException or OperationCanceledException;

    /// <summary>A failed attempt, classified without host, address or anything the receiver said.</summary>
    private static WebhookDeliveryResult Failed(PreparedWebhook webhook, Exception fault, bool timedOut)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case DestinationRefusedException:
                    return new WebhookDeliveryResult(webhook, WebhookSendError.DestinationRefused, DestinationRefusedException.Reason);
                case TimeoutException:
                    return new WebhookDeliveryResult(webhook, WebhookSendError.Timeout, "connect timeout");
                case AuthenticationException:
                    return new WebhookDeliveryResult(webhook, WebhookSendError.ConnectionFailed, "TLS failed");
                case SocketException socket when !timedOut:
                    // A name that does not resolve reads like one that is refused: which names exist behind us is nobody's business.
                    string detail = socket.SocketErrorCode switch
                    {
                        SocketError.ConnectionRefused => "connection refused",
                        SocketError.ConnectionReset => "connection reset",
                        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery => DestinationRefusedException.Reason,
                        SocketError.HostUnreachable or SocketError.NetworkUnreachable => "unreachable",
                        _ => "connection failed",
                    };
                    return new WebhookDeliveryResult(webhook, WebhookSendError.ConnectionFailed, detail);
            }
        }

        if (timedOut)
        {
            return new WebhookDeliveryResult(webhook, WebhookSendError.Timeout, "attempt timeout");
        }

        string text = (fault as HttpRequestException)?.HttpRequestError switch
        {
            HttpRequestError.ResponseEnded => "connection closed before an answer",
            HttpRequestError.InvalidResponse => "not an HTTP answer",
            HttpRequestError.ConfigurationLimitExceeded => "answer's headers too large",
            HttpRequestError.HttpProtocolError => "HTTP protocol error",
            HttpRequestError.SecureConnectionError => "TLS failed",
            _ => "connection failed",
        };
        return new WebhookDeliveryResult(webhook, WebhookSendError.ConnectionFailed, text);
    }

    /// <summary>Authenticates by the registration's way where it has one, else by the sender's: one of them, never both.</summary>
    private ValueTask<HttpRequestMessage> AuthenticateAsync(PreparedWebhook webhook, TargetUri target, CancellationToken cancellationToken)
    {
        WebhookAuthenticator authenticator = webhook.Destination.Authentication?.Authenticator ?? _authenticator;
        LogDeprecation(authenticator);
        string? digest = authenticator.SendsContentDigest ? webhook.ContentDigest : null;
        UnsignedAttempt unsigned = new(target, webhook.Body, digest.AsMemory(), webhook.IdempotencyKey, _options.TimeProvider.GetUtcNow());
        AttemptHeaders headers = AttemptHeaders.Rent();
        ValueTask authenticated = authenticator.AuthenticateAsync(unsigned, headers, cancellationToken);
        return authenticated.IsCompletedSuccessfully ? new(Request(webhook, target, digest, headers)) : RequestAsync(authenticated, webhook, target, digest, headers);
    }

    /// <summary>Behind a key that is kept elsewhere.</summary>
    private async ValueTask<HttpRequestMessage> RequestAsync(
        ValueTask authenticated, PreparedWebhook webhook, TargetUri target, string? digest, AttemptHeaders headers)
    {
        await authenticated.ConfigureAwait(false);
        return Request(webhook, target, digest, headers);
    }

    private HttpRequestMessage Request(PreparedWebhook webhook, TargetUri target, string? digest, AttemptHeaders authentication)
    {
        bool rewritten = !ReferenceEquals(target, webhook.Destination.Target);
        HttpRequestMessage request = new(HttpMethod.Post, rewritten ? target.ToRequestUri() : webhook.Destination.RequestUri)
        {
            Content = new BodyContent(webhook.Body, digest),
            Version = _options.Http2 ? Http2 : HttpVersion.Version11,
            VersionPolicy = _options.Http2 && !target.IsHttps ? HttpVersionPolicy.RequestVersionExact : HttpVersionPolicy.RequestVersionOrLower,
        };
        if (rewritten ? WebhookDestination.NeedsHost(target, request.RequestUri!) : webhook.Destination.NeedsHostHeader)
        {
            request.Headers.Host = target.Authority;
        }

        request.Headers.TryAddWithoutValidation("User-Agent", "Adcp.Aot");
        for (int i = 0; i < authentication.Count; i++)
        {
            request.Headers.TryAddWithoutValidation(authentication.Name(i), authentication.Text(i));
        }

        AttemptHeaders.Return(authentication);

        if (webhook.Headers is { } headers)
        {
            HeaderRules.Check(headers);
            foreach ((string name, string value) in headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return request;
    }

    private void LogDeprecation(WebhookAuthenticator authenticator)
    {
        if (authenticator.Deprecated is { } scheme && Volatile.Read(ref _deprecationLogged) == 0 && Interlocked.Exchange(ref _deprecationLogged, 1) == 0)
        {
            AuthenticationDeprecated(_options.Logger, scheme);
        }
    }

    [LoggerMessage(
        EventId = 201, Level = LogLevel.Warning,
        Message = "Webhooks are authenticated by {Scheme}, which AdCP has deprecated and 4.0 removes; ask for registrations without an authentication block.")]
    private static partial void AuthenticationDeprecated(ILogger logger, string scheme);

    /// <summary>The guard's word on where a webhook goes; asked once for a destination's own url, each time for one that a hook made of it.</summary>
    private string? Refuse(WebhookDestination destination, TargetUri target)
    {
        if (!ReferenceEquals(target, destination.Target))
        {
            return _guard.Refuse(target);
        }

        if (ReferenceEquals(destination.AdmittedBy, _guard))
        {
            return null;
        }

        string? rule = _guard.Refuse(target);
        destination.AdmittedBy = rule is null ? _guard : null;
        return rule;
    }

    private bool TryRewrite(TargetUri target, out TargetUri rewritten)
    {
        rewritten = target;
        foreach (ITransportHook hook in _options.TransportHooks)
        {
            try
            {
                if (hook.RewriteHost(rewritten.Host) is { } host)
                {
                    if (!rewritten.TryWithHost(host, out TargetUri? other))
                    {
                        return false;
                    }

                    rewritten = other;
                }
            }
            catch (Exception)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>True where the answer says that it has no body; looked at as text, which costs a third of parsing the number.</summary>
    private static bool IsEmpty(HttpResponseMessage response) =>
        response.Content.Headers.NonValidated.TryGetValues("Content-Length", out HeaderStringValues length) && length is { Count: 1 } && length.ToString() == "0";

    private async ValueTask<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        // One byte more than is kept tells whether the answer ends here, which is what lets its connection be used again.
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_options.MaxResponseBytes + 1);
        try
        {
            Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            int length = 0;
            try
            {
                int read;
                while (length <= _options.MaxResponseBytes
                    && (read = await stream.ReadAsync(buffer.AsMemory(length, _options.MaxResponseBytes + 1 - length), cancellationToken).ConfigureAwait(false)) > 0)
                {
                    length += read;
                }
            }
            catch (Exception fault) when (IsTransport(fault))
            {
                // The status is the answer. A body that drips, breaks or is cancelled takes nothing of it back: a 2xx stays delivered.
            }

            return length == 0 ? default : buffer.AsSpan(0, Math.Min(length, _options.MaxResponseBytes)).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
