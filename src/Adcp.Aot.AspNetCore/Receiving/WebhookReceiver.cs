using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>
/// Answers one endpoint's webhooks: reads the body once, verifies, looks the key up, and has the handler process what is new. Nothing is dispatched before it is verified, and nothing
/// is acknowledged before it is processed.
/// </summary>
internal sealed partial class WebhookReceiver
{
    private readonly Func<ReceivedWebhook, CancellationToken, ValueTask> _handler;
    private readonly WebhookReceiverOptions _options;
    private readonly IWebhookClaimStore _store;
    private readonly ILogger _logger;
    private readonly byte[]? _tokenDigest;

    internal WebhookReceiver(Func<ReceivedWebhook, CancellationToken, ValueTask> handler, WebhookReceiverOptions options, IWebhookClaimStore store, ILogger logger)
    {
        _handler = handler;
        _options = options;
        _store = store;
        _logger = logger;
        _tokenDigest = options.Token is { } token ? SHA256.HashData(Encoding.UTF8.GetBytes(token)) : null;
        if (!store.IsDurable)
        {
            LogNotDurable(logger);
        }
    }

    internal async Task ReceiveAsync(HttpContext http)
    {
        WebhookVerifier verifier = _options.ChallengeVerifier is { } forChallenges && http.Request.Headers.ContainsKey("Signature-Input") ? forChallenges : _options.Verifier;
        WebhookBody? body;
        using (CancellationTokenSource reading = new(_options.ReadTimeout, _options.TimeProvider))
        using (http.RequestAborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), reading))
        {
            try
            {
                body = await WebhookBody.ReadAsync(http.Request, verifier.MaxBodyBytes, reading.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                LogTooSlow(_logger);
                Refuse(http, StatusCodes.Status408RequestTimeout);
                return;
            }
            catch (Exception fault) when (fault is IOException or BadHttpRequestException)
            {
                // The connection broke or the framing is wrong; there is nobody, or nothing, to answer.
                Refuse(http, fault is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest);
                return;
            }
        }

        if (body is null)
        {
            LogTooLarge(_logger, verifier.MaxBodyBytes);
            Refuse(http, StatusCodes.Status413PayloadTooLarge);
            return;
        }

        using (body)
        {
            VerificationResult verified = await verifier.VerifyAsync(
                InboundHttpRequest.Of(http, _options.PublicOrigin), body.Bytes, body.Sha256, http.RequestAborted).ConfigureAwait(false);
            if (!verified.Ok)
            {
                LogRefused(_logger, verified.ErrorCode ?? verified.Error.ToString(), verified.FailedStep, verified.KeyId, body.Bytes.Length);
                http.Response.StatusCode = verified.StatusCode;
                if (verified.Challenge is { } challenge)
                {
                    http.Response.Headers.WWWAuthenticate = challenge;
                }

                return;
            }

            if (_options.AcceptsChallenge is null || !await TryAnswerAsync(http, verifier, verified, body.Bytes).ConfigureAwait(false))
            {
                await DispatchAsync(http, verified, body.Bytes).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Answers what is a challenge, or must be one.</summary>
    /// <returns>False where it is a webhook.</returns>
    private async ValueTask<bool> TryAnswerAsync(HttpContext http, WebhookVerifier verifier, VerificationResult verified, ReadOnlyMemory<byte> body)
    {
        bool isChallenge = WebhookChallengeEnvelope.TryRead(body.Span, out WebhookChallengeEnvelope? challenge, out string? code) || code == "invalid_challenge";
        if (isChallenge ? verifier is not Rfc9421Verifier : verifier == _options.ChallengeVerifier)
        {
            LogOtherWay(_logger, verified.KeyId, body.Length);
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            http.Response.Headers.WWWAuthenticate = "Signature error=\"webhook_mode_mismatch\"";
            return true;
        }

        if (isChallenge && challenge is null)
        {
            LogNotDispatchable(_logger, code!, verified.KeyId, body.Length);
            await RefuseAsync(http, StatusCodes.Status400BadRequest, code!).ConfigureAwait(false);
        }
        else if (isChallenge)
        {
            await AnswerAsync(http, new ReceivedChallenge(verified.Sender ?? "", verified.KeyId, challenge!)).ConfigureAwait(false);
        }

        return isChallenge;
    }

    private async ValueTask AnswerAsync(HttpContext http, ReceivedChallenge challenge)
    {
        bool isWanted;
        try
        {
            isWanted = await _options.AcceptsChallenge!(challenge, http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception fault) when (!http.RequestAborted.IsCancellationRequested)
        {
            LogChallengeFailed(_logger, fault, challenge.Sender, challenge.Envelope.SubscriberId);
            http.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return;
        }

        LogChallenge(_logger, challenge.Sender, challenge.Envelope.SubscriberId, isWanted);
        if (!isWanted)
        {
            await RefuseAsync(http, StatusCodes.Status403Forbidden, "challenge_not_accepted").ConfigureAwait(false);
            return;
        }

        byte[] answer = challenge.Envelope.ToAnswer();
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = answer.Length;
        await http.Response.Body.WriteAsync(answer, http.RequestAborted).ConfigureAwait(false);
    }

    private async Task DispatchAsync(HttpContext http, VerificationResult verified, ReadOnlyMemory<byte> body)
    {
        byte[] fingerprint = new byte[CanonicalJson.FingerprintLength];
        if (!TryRead(body.Span, fingerprint, out string? key, out string? token, out WebhookEnvelope? envelope, out string? code))
        {
            LogNotDispatchable(_logger, code, verified.KeyId, body.Length);
            await RefuseAsync(http, StatusCodes.Status400BadRequest, code).ConfigureAwait(false);
            return;
        }

        if (_tokenDigest is not null && !CryptographicOperations.FixedTimeEquals(_tokenDigest, SHA256.HashData(Encoding.UTF8.GetBytes(token ?? ""))))
        {
            LogWrongToken(_logger, verified.KeyId);
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        ReceivedWebhook webhook = new(verified.Sender ?? "", verified.KeyId, key, envelope, body);
        WebhookClaim claim;
        try
        {
            claim = await _store.ClaimAsync(webhook.Sender, key, fingerprint, _options.Lease, _options.Retention, http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception fault) when (!http.RequestAborted.IsCancellationRequested)
        {
            LogStoreFailed(_logger, fault, key);
            ComeBack(http, StatusCodes.Status503ServiceUnavailable);
            return;
        }

        switch (claim.Status)
        {
            case ClaimStatus.Owned:
                await ProcessAsync(http, webhook, claim).ConfigureAwait(false);
                return;
            case ClaimStatus.Completed:
                http.Response.StatusCode = StatusCodes.Status200OK;
                return;
            case ClaimStatus.Conflict:
                LogConflict(_logger, key, webhook.Sender);
                await RefuseAsync(http, StatusCodes.Status409Conflict, "idempotency_key_conflict").ConfigureAwait(false);
                return;
            case ClaimStatus.SenderFull:
                LogSenderFull(_logger, webhook.Sender);
                ComeBack(http, StatusCodes.Status429TooManyRequests);
                return;
            default:
                ComeBack(http, StatusCodes.Status503ServiceUnavailable);
                return;
        }
    }

    /// <summary>
    /// Has the handler process what is owned, holding the claim meanwhile. A sender that hangs up does not stop it: its retry then finds the work done. Losing the claim does, because
    /// somebody else may be at it.
    /// </summary>
    private async Task ProcessAsync(HttpContext http, ReceivedWebhook webhook, WebhookClaim claim)
    {
        using CancellationTokenSource lost = new();
        using CancellationTokenSource done = new();
        Task holding = HoldAsync(claim, lost, done.Token);
        bool processed = false;
        try
        {
            await _handler(webhook, lost.Token).ConfigureAwait(false);
            processed = true;
        }
        catch (Exception fault)
        {
            LogHandlerFailed(_logger, fault, webhook.IdempotencyKey);
        }

        await done.CancelAsync().ConfigureAwait(false);
        await holding.ConfigureAwait(false);
        try
        {
            if (!processed)
            {
                await _store.ReleaseAsync(claim, CancellationToken.None).ConfigureAwait(false);
                http.Response.StatusCode = StatusCodes.Status500InternalServerError;
            }
            else if (await _store.CompleteAsync(claim, CancellationToken.None).ConfigureAwait(false))
            {
                http.Response.StatusCode = StatusCodes.Status200OK;
            }
            else
            {
                LogClaimLost(_logger, webhook.IdempotencyKey);
                ComeBack(http, StatusCodes.Status503ServiceUnavailable);
            }
        }
        catch (Exception fault)
        {
            LogStoreFailed(_logger, fault, webhook.IdempotencyKey);
            ComeBack(http, StatusCodes.Status503ServiceUnavailable);
        }
    }

    /// <summary>Renews the claim three times a lease until the work is done.</summary>
    private async Task HoldAsync(WebhookClaim claim, CancellationTokenSource lost, CancellationToken done)
    {
        using PeriodicTimer beat = new(_options.Lease / 3, _options.TimeProvider);
        try
        {
            while (await beat.WaitForNextTickAsync(done).ConfigureAwait(false))
            {
                if (!await _store.RenewAsync(claim, _options.Lease, done).ConfigureAwait(false))
                {
                    await lost.CancelAsync().ConfigureAwait(false);
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (done.IsCancellationRequested)
        {
            // The work is done.
        }
        catch (Exception fault)
        {
            LogStoreFailed(_logger, fault, claim.IdempotencyKey);
            await lost.CancelAsync().ConfigureAwait(false);
        }
    }

    private bool TryRead(
        ReadOnlySpan<byte> body,
        Span<byte> fingerprint,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out string? key,
        out string? token,
        out WebhookEnvelope? envelope,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out string? code)
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

    /// <summary>An answer to a body that was not read to its end: the connection goes with it.</summary>
    private static void Refuse(HttpContext http, int status)
    {
        if (http.Response.HasStarted || http.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        http.Response.StatusCode = status;
        if (HttpProtocol.IsHttp11(http.Request.Protocol))
        {
            http.Response.Headers.Connection = "close";
        }
    }

    private static void ComeBack(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        http.Response.Headers.RetryAfter = 1.ToString(CultureInfo.InvariantCulture);
    }

    private static Task RefuseAsync(HttpContext http, int status, string code)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync($"{{\"error_code\":\"{code}\"}}", http.RequestAborted);
    }

    [LoggerMessage(1, LogLevel.Warning, "Webhook claims are kept in memory: a restart forgets what was processed. For development only.")]
    private static partial void LogNotDurable(ILogger logger);

    [LoggerMessage(2, LogLevel.Warning, "Webhook refused: {Code} at step {Step}, key {KeyId}, {Length} bytes")]
    private static partial void LogRefused(ILogger logger, string code, string step, string? keyId, int length);

    [LoggerMessage(3, LogLevel.Warning, "Webhook verified but not dispatchable: {Code}, key {KeyId}, {Length} bytes")]
    private static partial void LogNotDispatchable(ILogger logger, string code, string? keyId, int length);

    [LoggerMessage(4, LogLevel.Warning, "Webhook without the registration's token, key {KeyId}")]
    private static partial void LogWrongToken(ILogger logger, string? keyId);

    [LoggerMessage(5, LogLevel.Warning, "Webhook {IdempotencyKey} of {Sender} has another payload than before")]
    private static partial void LogConflict(ILogger logger, string idempotencyKey, string sender);

    [LoggerMessage(6, LogLevel.Warning, "{Sender} has as many idempotency keys as it may have")]
    private static partial void LogSenderFull(ILogger logger, string sender);

    [LoggerMessage(7, LogLevel.Error, "Webhook {IdempotencyKey}: its handler failed")]
    private static partial void LogHandlerFailed(ILogger logger, Exception fault, string idempotencyKey);

    [LoggerMessage(8, LogLevel.Error, "Webhook {IdempotencyKey}: its claim lapsed while its handler ran")]
    private static partial void LogClaimLost(ILogger logger, string idempotencyKey);

    [LoggerMessage(9, LogLevel.Error, "Webhook {IdempotencyKey}: the claim store failed")]
    private static partial void LogStoreFailed(ILogger logger, Exception fault, string idempotencyKey);

    [LoggerMessage(10, LogLevel.Warning, "Webhook refused: more than {MaxBytes} bytes")]
    private static partial void LogTooLarge(ILogger logger, int maxBytes);

    [LoggerMessage(11, LogLevel.Warning, "Webhook refused: its body did not arrive in time")]
    private static partial void LogTooSlow(ILogger logger);

    [LoggerMessage(12, LogLevel.Warning, "Message authenticated in another way than its kind is, key {KeyId}, {Length} bytes: challenges are signed by RFC 9421, webhooks as the registration says")]
    private static partial void LogOtherWay(ILogger logger, string? keyId, int length);

    [LoggerMessage(13, LogLevel.Information, "Challenge of {Sender} for the subscription {SubscriberId}, accepted: {Accepted}")]
    private static partial void LogChallenge(ILogger logger, string sender, string subscriberId, bool accepted);

    [LoggerMessage(14, LogLevel.Error, "Challenge of {Sender} for the subscription {SubscriberId}: whether it is wanted could not be told")]
    private static partial void LogChallengeFailed(ILogger logger, Exception fault, string sender, string subscriberId);
}
