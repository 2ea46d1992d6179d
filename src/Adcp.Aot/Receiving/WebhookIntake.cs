using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Json;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Threading;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Receiving;

/// <summary>
/// Receives one endpoint's webhooks over any transport: checks the headers, reads the body, verifies, answers
/// challenges, claims the key, and calls the handler if the webhook is new. It reads nothing before the headers are
/// valid, dispatches nothing before it is verified, and acknowledges nothing before it is processed. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A user's code (handler, claim store, challenge callback, key source, replay cache, logger) may throw, block or never
/// return: each call has a timeout, its failure is an outcome, and the number of abandoned calls is bounded.
/// </para>
/// <para>
/// A body and its slot of <see cref="WebhookReceiverOptions.MaxConcurrentWebhooks"/> belong to
/// <see cref="ReceiveAsync"/> until it returns. If a handler is abandoned, they belong to that handler until it
/// returns.
/// </para>
/// </remarks>
public sealed class WebhookIntake
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortPause = TimeSpan.FromSeconds(1);

    private readonly Func<ReceivedWebhook, CancellationToken, ValueTask> _handler;
    private readonly WebhookReceiverOptions _options;
    private readonly IWebhookClaimStore _store;
    private readonly PublicOrigins _origins;
    private readonly BodyBudget _budget;
    private readonly CallGuard _storeGuard;
    private readonly CallGuard _challengeGuard;
    private readonly IntakeLog _log;
    private readonly byte[]? _tokenDigest;

    /// <summary>Creates an intake.</summary>
    /// <param name="handler">
    /// Processes a webhook. Throw if that fails. Its token is cancelled if the claim is lost, because another process
    /// may then process the webhook, and after <see cref="WebhookReceiverOptions.HandlerTimeout"/>. It is not cancelled
    /// if the sender closes the connection.
    /// </param>
    /// <param name="options">Verifier, origins, store and limits.</param>
    /// <param name="endpoint">The endpoint's name in logs, such as its path.</param>
    /// <param name="logger">The log; <c>null</c> for none.</param>
    /// <exception cref="ArgumentNullException"><paramref name="handler"/>, <paramref name="options"/> or
    /// <paramref name="endpoint"/> is null.</exception>
    /// <exception cref="ArgumentException">The options contradict each other; the message names the option.</exception>
    public WebhookIntake(
        Func<ReceivedWebhook, CancellationToken, ValueTask> handler, WebhookReceiverOptions options, string endpoint,
        ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(endpoint);
        options.Validate();
        _handler = handler;
        _options = options;
        _store = options.Store ?? throw new ArgumentException(WebhookReceiverOptions.StoreNeeded, nameof(options));
        _origins = new PublicOrigins(options.PublicOrigins);
        _budget = new BodyBudget(options.MaxConcurrentWebhooks, options.MaxBufferedBytes);
        _storeGuard = new CallGuard("The claim store", options.TimeProvider);
        _challengeGuard = new CallGuard("AcceptsChallenge", options.TimeProvider);
        _log = new IntakeLog(logger, endpoint, options.TimeProvider);
        _tokenDigest = options.Token is { } token ? SHA256.HashData(Encoding.UTF8.GetBytes(token)) : null;
        if (!_store.IsDurable)
        {
            _log.NotDurable();
        }

        if (options.TrustHostHeader)
        {
            _log.HostTrusted();
        }
    }

    /// <summary>The bytes of bodies that are held now; for tests.</summary>
    internal long BufferedBytes => _budget.Bytes;

    /// <summary>The webhooks whose bodies are held now; for tests.</summary>
    internal int WebhooksUnderWay => _budget.Webhooks;

    /// <summary>
    /// Asks the claim store and the replay cache whether they work, so that a missing table or an unreachable database
    /// is found at start and not by the first webhook. Logs a failure.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if one of them failed, or gave no answer within <see cref="WebhookReceiverOptions.CallTimeout"/>.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async ValueTask<bool> CheckAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _storeGuard.RunAsync(
                this,
                static async (intake, token) =>
                {
                    await intake._store.CheckAsync(token).ConfigureAwait(false);
                    await intake._options.Verifier.CheckAsync(token).ConfigureAwait(false);
                    if (intake._options.ChallengeVerifier is { } forChallenges)
                    {
                        await forChallenges.CheckAsync(token).ConfigureAwait(false);
                    }

                    return true;
                },
                _options.CallTimeout,
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            _log.NotReady(fault);
            return false;
        }
    }

    /// <summary>
    /// Receives one message. Returns when the message is answered. A fault of sender, network or handler is a result,
    /// not an exception.
    /// </summary>
    /// <param name="request">The request as it arrived: its url with the request's own origin, and its headers.</param>
    /// <param name="body">The body, read only if the headers are sound. The caller completes the reader.</param>
    /// <param name="contentLength">The body's announced length in bytes; <c>null</c> if there is none.</param>
    /// <param name="cancellationToken">Cancelled when the sender has closed the connection. A running handler is not
    /// cancelled by it.</param>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is null.</exception>
    public ValueTask<IntakeResult> ReceiveAsync(InboundRequest request, PipeReader body, long? contentLength,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(body);
        return ReceiverMeter.IsOn
            ? CountedAsync(request, body, contentLength, cancellationToken)
            : PerformAsync(request, body, contentLength, cancellationToken);
    }

    private async ValueTask<IntakeResult> CountedAsync(
        InboundRequest request, PipeReader body, long? contentLength, CancellationToken cancellationToken)
    {
        IntakeResult result = await PerformAsync(request, body, contentLength, cancellationToken).ConfigureAwait(false);
        ReceiverMeter.Count(result.Status);
        return result;
    }

    private async ValueTask<IntakeResult> PerformAsync(
        InboundRequest request, PipeReader body, long? contentLength, CancellationToken cancellationToken)
    {
        WebhookVerifier verifier = _options.Verifier;
        HeaderCheck headers;
        if (!_budget.TryEnterCheck())
        {
            return Busy();
        }

        try
        {
            InboundRequest called = _origins.Apply(request);
            if (_options.ChallengeVerifier is { } forChallenges && called.Header("signature-input") is not null)
            {
                verifier = forChallenges;
            }

            headers = await verifier.CheckHeadersAsync(called, contentLength, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            return Failed(fault, bodyWasRead: false, cancellationToken);
        }
        finally
        {
            _budget.LeaveCheck();
        }

        if (headers.Refusal is { } refusal)
        {
            return Refused(refusal, bodyWasRead: false);
        }

        if (!_budget.TryEnterWebhook())
        {
            return Busy();
        }

        WebhookBody? held = null;
        Task? running = null;
        try
        {
            (held, IntakeResult unread) = await ReadAsync(verifier, headers, body, contentLength, cancellationToken).ConfigureAwait(false);
            if (held is null)
            {
                return unread;
            }

            (IntakeResult result, running) = await VerifyAndDispatchAsync(verifier, headers, held, cancellationToken).ConfigureAwait(false);
            return result;
        }
        finally
        {
            if (running is null)
            {
                held?.Dispose();
                _budget.LeaveWebhook();
            }
            else
            {
                _ = AwaitLeftBehindAsync(running, held!);
            }
        }
    }

    private async ValueTask<(WebhookBody? Body, IntakeResult Unread)> ReadAsync(
        WebhookVerifier verifier, HeaderCheck headers, PipeReader body, long? contentLength, CancellationToken cancellationToken)
    {
        using CancellationTokenSource reading = new(_options.ReadTimeout, _options.TimeProvider);
        using CancellationTokenRegistration hungUp = cancellationToken.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), reading);
        try
        {
            (WebhookBody? read, WebhookBody.Ending ending) =
                await WebhookBody.ReadAsync(body, contentLength, verifier.MaxBodyBytes, _budget, reading.Token).ConfigureAwait(false);
            return read is not null ? (read, default)
                : (null, ending == WebhookBody.Ending.TooLarge ? Refused(verifier.TooLarge(), bodyWasRead: false) : Busy());
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return (null, new IntakeResult(IntakeStatus.SenderGone));
        }
        catch (OperationCanceledException)
        {
            _log.TooSlow(headers.Key?.KeyId, headers.Key?.Sender ?? verifier.FixedSender);
            return (null, new IntakeResult(IntakeStatus.BodyTooSlow));
        }
        catch (Exception fault)
        {
            // The connection broke or the framing is wrong. That happens often on networks and is not logged.
            return (null, new IntakeResult(IntakeStatus.BodyBroken) { Fault = fault });
        }
    }

    private async ValueTask<(IntakeResult Result, Task? Running)> VerifyAndDispatchAsync(
        WebhookVerifier verifier, HeaderCheck headers, WebhookBody body, CancellationToken cancellationToken)
    {
        VerificationResult verified;
        try
        {
            verified = await verifier.VerifyBodyAsync(headers, body.Bytes, body.Sha256, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            return (Failed(fault, bodyWasRead: true, cancellationToken), null);
        }

        return !verified.Ok ? (Refused(verified, bodyWasRead: true), null)
            : _options.AcceptsChallenge is not null && await TryAnswerAsync(verifier, verified, body.Bytes,
                cancellationToken).ConfigureAwait(false) is { } answer
                ? (answer, null)
                : await DispatchAsync(verified, body.Bytes, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Answers a message that is a challenge, or must be one.</summary>
    /// <returns><c>null</c> if it is a webhook.</returns>
    private async ValueTask<IntakeResult?> TryAnswerAsync(
        WebhookVerifier verifier, VerificationResult verified, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        bool isChallenge = WebhookChallengeEnvelope.TryRead(body.Span, out WebhookChallengeEnvelope? envelope,
            out string? code) || code == "invalid_challenge";
        if (isChallenge ? verifier is not Rfc9421Verifier : verifier == _options.ChallengeVerifier)
        {
            return Refused(VerificationResult.Refused(VerificationError.ModeMismatch, "0", null, verified.KeyId, verified.Sender),
                bodyWasRead: true);
        }

        if (!isChallenge)
        {
            return null;
        }

        if (envelope is null)
        {
            _log.NotDispatchable(verified, code!);
            return Done(IntakeStatus.NotDispatchable, verified, code);
        }

        ReceivedChallenge challenge = new(verified.Sender ?? "", verified.KeyId, envelope);
        try
        {
            bool isWanted = await _challengeGuard.RunAsync(
                (_options.AcceptsChallenge, challenge), static (call, token) =>
                    call.AcceptsChallenge!(call.challenge, token), _options.CallTimeout, cancellationToken)
                .ConfigureAwait(false);
            _log.Challenge(challenge, isWanted);
            return isWanted
                ? Done(IntakeStatus.ChallengeAccepted, verified) with { Answer = envelope.ToAnswer() }
                : Done(IntakeStatus.ChallengeDeclined, verified, "challenge_not_accepted");
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return Done(IntakeStatus.SenderGone, verified);
        }
        catch (Exception fault)
        {
            _log.ChallengeFailed(fault, challenge);
            return Done(IntakeStatus.ChallengeFailed, verified);
        }
    }

    private async ValueTask<(IntakeResult Result, Task? Running)> DispatchAsync(
        VerificationResult verified, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        byte[] fingerprint = new byte[CanonicalJson.FingerprintLength];
        if (!TryRead(body.Span, fingerprint, out string? key, out string? token, out WebhookEnvelope? envelope, out string? code))
        {
            _log.NotDispatchable(verified, code);
            return (Done(IntakeStatus.NotDispatchable, verified, code), null);
        }

        // Senders choose key ids, but a key without a sender is still its own scope.
        ReceivedWebhook webhook = new(verified.Sender ?? "key:" + verified.KeyId, verified.KeyId, key, envelope, body);
        if (_tokenDigest is not null && !CryptographicOperations.FixedTimeEquals(_tokenDigest,
            SHA256.HashData(Encoding.UTF8.GetBytes(token ?? ""))))
        {
            _log.WrongToken(webhook);
            return (Done(IntakeStatus.WrongToken, verified), null);
        }

        long claimedAt = _options.TimeProvider.GetTimestamp();
        WebhookClaim claim;
        try
        {
            claim = await ClaimAsync(webhook, fingerprint, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return (Done(IntakeStatus.SenderGone, verified), null);
        }
        catch (Exception fault)
        {
            _log.StoreFailed(fault, "claim", webhook.Sender, key);
            return (Done(IntakeStatus.StoreUnavailable, verified, retryAfter: ShortPause), null);
        }

        switch (claim.Status)
        {
            case ClaimStatus.Owned:
                (IntakeStatus status, Task? running) = await ProcessAsync(webhook, claim, claimedAt).ConfigureAwait(false);
                bool comesBack = status is IntakeStatus.ClaimLost or IntakeStatus.HandlerStuck;
                return (Done(status, verified, retryAfter: comesBack ? ShortPause : null), running);
            case ClaimStatus.Completed:
                return (Done(IntakeStatus.AlreadyProcessed, verified), null);
            case ClaimStatus.Conflict:
                _log.Conflict(webhook);
                return (Done(IntakeStatus.Conflict, verified, "idempotency_key_conflict"), null);
            case ClaimStatus.SenderFull:
                _log.SenderFull(webhook);
                return (Done(IntakeStatus.SenderFull, verified, retryAfter: ShortPause), null);
            default:
                return (Done(IntakeStatus.InProgress, verified, retryAfter: ShortPause), null);
        }
    }

    private ValueTask<WebhookClaim> ClaimAsync(ReceivedWebhook webhook, byte[] fingerprint, CancellationToken cancellationToken) =>
        _storeGuard.RunAsync(
        (_store, webhook.Sender, webhook.IdempotencyKey, fingerprint, _options),
        static async (call, token) =>
        {
            WebhookClaim claim = await call._store.ClaimAsync(
                call.Sender, call.IdempotencyKey, call.fingerprint, call._options.Lease, call._options.Retention, token)
                .ConfigureAwait(false);
            if (claim.Status == ClaimStatus.Owned && token.IsCancellationRequested)
            {
                // The caller has continued without the claim, so the claim would delay the sender's retry.
                await call._store.ReleaseAsync(claim, CancellationToken.None).ConfigureAwait(false);
            }

            return claim;
        },
        _options.CallTimeout,
        cancellationToken);

    /// <summary>
    /// Calls the handler for an owned webhook, and holds the claim meanwhile. If the sender closes the connection, the
    /// handler continues, and the sender's retry finds the work done. If the claim is lost, the handler is cancelled,
    /// because another process may own the webhook then.
    /// </summary>
    /// <returns>The outcome, and the handler if it was abandoned.</returns>
    private async ValueTask<(IntakeStatus Status, Task? Running)> ProcessAsync(ReceivedWebhook webhook, WebhookClaim claim, long claimedAt)
    {
        using CancellationTokenSource done = new();
        using CancellationTokenSource lost = new();
        using CancellationTokenSource stop = new(_options.HandlerTimeout, _options.TimeProvider);
        using CancellationTokenRegistration stops = lost.Token.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(),
            stop);
        HeldClaim held = new(_store, _storeGuard, claim, claimedAt, _options, _log);
        Task holding = held.HoldAsync(lost, done.Token);

        // A separate source: a callback that the handler registers may throw or block, and must not stop this method.
        CancellationTokenSource handlerStop = new();
        Task work = Task.Run(() => _handler(webhook, handlerStop.Token).AsTask(), CancellationToken.None);
        await work.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!work.IsCompleted)
        {
            _ = CallGuard.CancelQuietlyAsync(handlerStop);
            await work.WaitAsync(Grace, _options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        IntakeStatus status;
        if (work.IsCompletedSuccessfully)
        {
            // The claim is still held and renewed while its completion is tried.
            status = await held.CompleteAsync().ConfigureAwait(false) ? IntakeStatus.Processed : IntakeStatus.ClaimLost;
        }
        else
        {
            status = !work.IsCompleted ? IntakeStatus.HandlerStuck
                : lost.IsCancellationRequested ? IntakeStatus.ClaimLost
                : IntakeStatus.HandlerFailed;
        }

        await done.CancelAsync().ConfigureAwait(false);
        await holding.ConfigureAwait(false);
        switch (status)
        {
            case IntakeStatus.ClaimLost:
                _log.ClaimLost(webhook);
                break;
            case IntakeStatus.HandlerStuck:
                _log.HandlerStuck(webhook, _options.HandlerTimeout);
                return (status, work);
            case IntakeStatus.HandlerFailed:
                _log.HandlerFailed(work.Exception?.InnerException ?? new OperationCanceledException("The handler was cancelled."), webhook);
                await held.ReleaseAsync().ConfigureAwait(false);
                break;
        }

        _ = work.Exception;
        return (status, null);
    }

    /// <summary>Keeps the body and the slot of an abandoned handler until it returns.</summary>
    private async Task AwaitLeftBehindAsync(Task handler, WebhookBody body)
    {
        await handler.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        body.Dispose();
        _budget.LeaveWebhook();
        _log.HandlerBack();
    }

    private bool TryRead(
        ReadOnlySpan<byte> body,
        Span<byte> fingerprint,
        [NotNullWhen(true)] out string? key,
        out string? token,
        out WebhookEnvelope? envelope,
        [NotNullWhen(false)] out string? code)
    {
        key = token = null;
        if (WebhookEnvelope.TryRead(body, _options.Version, out envelope, out code))
        {
            key = envelope.IdempotencyKey;
            token = envelope.Token;
        }
        else if (!_options.AcceptsOtherPayloads || !WebhookEnvelope.TryReadKey(body, out key, out token, out code))
        {
            return false;
        }

        return CanonicalJson.TryFingerprint(body, fingerprint, out code);
    }

    private IntakeResult Refused(VerificationResult refusal, bool bodyWasRead)
    {
        _log.Refused(refusal, _options.PublicOrigins);
        bool mayPass = refusal.Error is VerificationError.KeysUnavailable or VerificationError.ReplayCacheUnavailable;
        TimeSpan? retryAfter = mayPass ? refusal.RetryAfter ?? ShortPause : null;
        return new IntakeResult(IntakeStatus.NotVerified, null, retryAfter) { Verification = refusal, BodyWasRead = bodyWasRead };
    }

    private IntakeResult Failed(Exception fault, bool bodyWasRead, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return new IntakeResult(IntakeStatus.SenderGone) { BodyWasRead = bodyWasRead };
        }

        _log.VerifierFailed(fault);
        return new IntakeResult(IntakeStatus.VerifierFailed, null, ShortPause) { BodyWasRead = bodyWasRead };
    }

    private IntakeResult Busy()
    {
        _log.Busy(_budget.Webhooks, _budget.Bytes);
        return new IntakeResult(IntakeStatus.Busy, null, ShortPause);
    }

    private static IntakeResult Done(IntakeStatus status, VerificationResult verified, string? code = null, TimeSpan? retryAfter = null) =>
        new(status, code, retryAfter) { Verification = verified, BodyWasRead = true };
}
