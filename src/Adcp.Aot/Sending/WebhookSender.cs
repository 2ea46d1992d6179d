using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot;

/// <summary>
/// Makes authenticated attempts over pooled connections to checked addresses. No redirect, no proxy but that of an egress rule, no
/// cookie, no HTTP/3. No retry, except that a kept connection that turns out to be closed is replaced once within the attempt.
/// Thread-safe; keep one for the life of the process, and dispose it after the supervisors that use it.
/// </summary>
public sealed partial class WebhookSender : IWebhookSender, IDisposable
{
    /// <summary>This thread's buffer for the next body, which is then copied at its length.</summary>
    [ThreadStatic]
    private static BodyBuffer? _spareBody;

    private readonly RequestFactory _requests;
    private readonly WebhookSenderOptions _options;
    private readonly GuardedLogger _logger;
    private readonly DestinationGuard _guard;
    private readonly EgressPaths _paths;
    private readonly IDisposable? _ownedKey;
    private bool _disposed;

    /// <summary>Creates a sender.</summary>
    /// <param name="authenticator">Signs every attempt to a destination without its own <c>authentication</c>. The
    /// caller disposes its key.</param>
    /// <param name="options">The options.</param>
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

        _options = options;
        _logger = GuardedLogger.Of(options.Logger);
        _ownedKey = ownedKey;
        _guard = options.CreateGuard();
        Rfc9421Signer? signer = authenticator as Rfc9421Signer;
        _paths = new EgressPaths(options, _guard);
        Facts = new WebhookSenderFacts(options.Version, signer?.KeyId, signer?.Algorithm, _guard, _paths.LongestAttempt);
        _requests = new RequestFactory(authenticator, options, _logger);
    }

    /// <summary>
    /// Gets this sender's AdCP version, the signing key's id and algorithm, the guard and the attempt timeout.
    /// </summary>
    public WebhookSenderFacts Facts { get; }

    /// <summary>Gets the connections to destinations without an egress rule.</summary>
    internal GuardedHttp Http => _paths.Default.Http;

    /// <summary>Gets the AdCP version of the bodies that this sender writes.</summary>
    public AdcpVersion Version => Facts.Version;

    /// <summary>Gets the <c>kid</c> of the key that signs; <c>null</c> if this sender does not sign by RFC 9421.</summary>
    public string? KeyId => Facts.KeyId;

    /// <summary>Gets the algorithm of the key that signs; <c>null</c> if this sender does not sign by RFC 9421.</summary>
    public SignatureAlgorithm? Algorithm => Facts.Algorithm;

    /// <summary>Creates a sender that signs with a private JWK.</summary>
    /// <param name="jwk">The JWK; see <see cref="SigningKey.FromJwk"/>.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">The key cannot be used.</exception>
    public static WebhookSender FromJwk(string jwk, WebhookSenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Owning(SigningKey.FromJwk(jwk), options);
    }

    /// <summary>Creates a sender that signs with a PEM private key.</summary>
    /// <param name="pem">The PEM text; see <see cref="SigningKey.FromPem"/>.</param>
    /// <param name="keyId">The <c>kid</c> under which the public key is published.</param>
    /// <param name="options">The options.</param>
    /// <param name="algorithm">The algorithm the key must be for.</param>
    /// <param name="passphrase">The passphrase of an encrypted PEM.</param>
    /// <exception cref="ArgumentException">The key cannot be used.</exception>
    public static WebhookSender FromPem(
        string pem,
        string keyId,
        WebhookSenderOptions options,
        SignatureAlgorithm algorithm = SignatureAlgorithm.Ed25519,
        string? passphrase = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Owning(SigningKey.FromPem(pem, keyId, algorithm, passphrase), options);
    }

    /// <summary>
    /// Creates a sender that authenticates by AdCP's legacy HMAC-SHA256, which AdCP has deprecated; prefer
    /// <see cref="FromJwk"/>.
    /// </summary>
    /// <param name="secret">The shared secret; see <see cref="LegacyHmacSigner"/>.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">The secret is short or a pattern.</exception>
    public static WebhookSender FromLegacyHmac(string secret, WebhookSenderOptions options) => new(new LegacyHmacSigner(secret), options);

    /// <summary>
    /// Creates a sender that authenticates by a bearer token, which AdCP has deprecated; prefer <see cref="FromJwk"/>.
    /// </summary>
    /// <param name="token">The token; see <see cref="BearerToken"/>.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">The token cannot be sent unchanged.</exception>
    public static WebhookSender FromBearerToken(string token, WebhookSenderOptions options) => new(new BearerToken(token), options);

    /// <summary>Creates a sender that signs by Standard Webhooks, for receivers outside AdCP.</summary>
    /// <param name="secret">The <c>whsec_</c> secret. While you rotate it, pass a <see cref="StandardWebhooksSigner"/>
    /// with both secrets to the constructor.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">The secret is not valid.</exception>
    public static WebhookSender FromStandardWebhooksSecret(string secret, WebhookSenderOptions options) =>
        new(new StandardWebhooksSigner([secret]), options);

    /// <inheritdoc/>
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(payload);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (sequenceNumber is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(sequenceNumber), sequenceNumber, "Must be at least 1.");
        }

        if (payload.CarriesSequenceNumber && sequenceNumber is null)
        {
            throw new WebhookPayloadException(
                "missing_sequence_number", "The payload carries its sequence number and none was given.", nameof(sequenceNumber));
        }

        string key = payload.IdempotencyKey ?? IdempotencyKeys.Create();
        IdempotencyKeys.Validate(key, nameof(payload));
        HeaderRules.Check(payload.Headers);
        EnvelopeContext facts = new(
            _options.Version, key, _options.TimeProvider.GetUtcNow(), destination.OperationId, destination.Token,
            payload.CarriesSequenceNumber ? sequenceNumber : null);
        byte[] frozen = Write(payload, facts);
        return new PreparedWebhook(destination, frozen, key)
        {
            TaskId = payload.AuditTaskId,
            TaskType = payload.AuditTaskType,
            NotificationType = payload.NotificationType,
            NotificationId = payload.NotificationId,
            Headers = payload.Headers is { Count: > 0 } headers ? [.. headers] : null,
            SequenceNumber = payload.CarriesSequenceNumber ? sequenceNumber : null,
            NeedsAnswerBody = payload is WebhookChallenge,
        };
    }

    /// <summary>Writes a body. A payload may write another one meanwhile, so the buffer is taken for the time.</summary>
    private byte[] Write(WebhookPayload payload, in EnvelopeContext facts)
    {
        BodyBuffer body = _spareBody ?? new BodyBuffer();
        _spareBody = null;
        try
        {
            payload.Write(body, facts);
            return body.WrittenCount <= _options.MaxBodyBytes
                ? body.ToArray()
                : throw new WebhookPayloadException(
                    "body_too_large", $"The body has {body.WrittenCount} bytes; {_options.MaxBodyBytes} are allowed.", nameof(payload));
        }
        finally
        {
            body.Reset();
            _spareBody = body;
        }
    }

    /// <inheritdoc/>
    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
        SendAsync(webhook, _requests, cancellationToken);

    /// <summary>Returns the requests of a tenant, which are signed with its key.</summary>
    internal RequestFactory RequestsOf(TenantKey tenant) => _requests.For(tenant);

    /// <summary>Makes one attempt with the requests of this sender or of a tenant.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<WebhookSendResult> SendAsync(
        PreparedWebhook webhook, RequestFactory requests, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (!TryRewrite(webhook.Destination.Target, out TargetUri target))
        {
            return new WebhookSendResult(webhook, WebhookSendError.DestinationRefused, "a transport hook gave no valid host");
        }

        if (Refuse(webhook.Destination, target) is { } rule)
        {
            SenderMeter.Refused(isAddress: false);
            return new WebhookSendResult(webhook, WebhookSendError.DestinationRefused, rule);
        }

        EgressPath path = _paths.Find(target);
        GuardedHttp http = path.Http;
        CancellationTokenSource attempt = path.Timeouts.Start();
        try
        {
            using CancellationTokenRegistration caller = cancellationToken.UnsafeRegister(
                static state => ((CancellationTokenSource)state!).Cancel(), attempt);
            long startedAt = Stopwatch.GetTimestamp();
            bool newConnection = false;
            bool mayExpect = true;
            while (true)
            {
                HttpRequestMessage request;
                try
                {
                    request = await requests.CreateAsync(webhook, target, http, mayExpect, attempt.Token).ConfigureAwait(false);
                }
                catch (Exception fault) when (
                    cancellationToken.IsCancellationRequested && fault is OperationCanceledException or SignerUnavailableException)
                {
                    throw new OperationCanceledException(cancellationToken);
                }
                catch (SignerUnavailableException fault)
                {
                    return new WebhookSendResult(webhook, WebhookSendError.SignerUnavailable, fault.Message);
                }
                catch (TenantWithoutKeyException fault)
                {
                    return new WebhookSendResult(webhook, WebhookSendError.SigningFailed, fault.Message);
                }
                catch (Exception fault)
                {
                    return new WebhookSendResult(webhook, WebhookSendError.SigningFailed, "signing failed: " + fault.GetType().Name);
                }

                using (request)
                {
                    long opened = http.Opened;
                    try
                    {
                        using HttpResponseMessage response =
                            await http.SendAsync(request, newConnection, attempt.Token).ConfigureAwait(false);
                        if (response.StatusCode == HttpStatusCode.ExpectationFailed && mayExpect && request.Headers.ExpectContinue == true)
                        {
                            http.AvoidExpect(request.RequestUri!);
                            mayExpect = false;
                            continue;
                        }

                        return new WebhookSendResult(webhook, Math.Clamp((int)response.StatusCode, 100, 599))
                        {
                            ConnectionReplaced = newConnection,
                            ResponseHeaders = response.Headers,
                            ResponseBody = AnswerBody.IsEmpty(response)
                                ? default
                                : await AnswerBody.ReadAsync(webhook, response, _options, attempt).ConfigureAwait(false),
                        };
                    }
                    catch (Exception fault) when (cancellationToken.IsCancellationRequested && AttemptFault.IsTransport(fault))
                    {
                        // Whatever exception the cancellation caused in the connection, the caller cancelled.
                        throw new OperationCanceledException(cancellationToken);
                    }
                    catch (Exception fault) when (
                        !newConnection && !attempt.IsCancellationRequested && GuardedHttp.IsStaleConnection(fault, opened))
                    {
                        newConnection = true;
                    }
                    catch (Exception fault) when (attempt.IsCancellationRequested || AttemptFault.IsTransport(fault))
                    {
                        return Failed(webhook, target, http, request, fault, attempt.IsCancellationRequested, startedAt, newConnection);
                    }
                }
            }
        }
        finally
        {
            path.Timeouts.End(attempt);
        }
    }

    /// <summary>Makes one more attempt with the same key and bytes and a fresh signature.</summary>
    /// <param name="result">An earlier attempt's result.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ArgumentNullException"><paramref name="result"/> is null.</exception>
    public ValueTask<WebhookSendResult> ResendAsync(WebhookSendResult result, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(result);
        return SendAsync(result.Webhook, cancellationToken);
    }

    /// <summary>Closes the connections. Attempts under way fail.</summary>
    public void Dispose()
    {
        _disposed = true;
        _paths.Dispose();
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

    /// <summary>Creates the result of a failed attempt.</summary>
    private WebhookSendResult Failed(
        PreparedWebhook webhook,
        TargetUri target,
        GuardedHttp http,
        HttpRequestMessage request,
        Exception fault,
        bool timedOut,
        long startedAt,
        bool newConnection)
    {
        (WebhookSendError error, string detail) = AttemptFault.Classify(fault, timedOut);
        if (error == WebhookSendError.Timeout && _options.Http2)
        {
            http.CloseSilent(request.RequestUri!, startedAt);
        }

        if (error == WebhookSendError.NoUsableAddress)
        {
            LogRefusal(target, fault);
        }

        return new WebhookSendResult(webhook, error, detail)
        {
            ConnectionReplaced = newConnection,
            IsConnectFailure = AttemptFault.IsConnectFailure(fault),
        };
    }

    private void LogRefusal(TargetUri target, Exception fault)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is DestinationRefusedException refused)
            {
                SenderMeter.Refused(isAddress: true);
                HostRefused(_logger, target.Authority, refused.Why);
            }
        }
    }

    [LoggerMessage(
        EventId = AdcpEventIds.DestinationRefused, Level = LogLevel.Warning,
        Message = "Webhook not sent to {Authority}: {Reason}. The buyer is told only that the destination cannot be reached.")]
    private static partial void HostRefused(ILogger logger, string authority, string reason);

    /// <summary>
    /// Returns the guard's refusal of a url; <c>null</c> if it passes. A destination's own url is checked once, a url
    /// that a hook rewrote each time.
    /// </summary>
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
}
