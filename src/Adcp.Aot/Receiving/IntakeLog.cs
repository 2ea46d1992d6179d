using Adcp.Aot.Auditing;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Receiving;

#pragma warning disable CA1873 // Every line is counted, whether its level is enabled or not.

/// <summary>
/// The log of one endpoint. If a sender or an unauthenticated client can cause a line, it is written at most five times
/// a minute for each cause; further ones are counted and written at Debug. Text that was sent is escaped and shortened.
/// </summary>
internal sealed partial class IntakeLog(ILogger? logger, string endpoint, TimeProvider time)
{
    private const int MaxText = 64;
    private const int Errors = (int)VerificationError.ReplayCacheUnavailable + 1;
    private const int Statuses = (int)IntakeStatus.VerifierFailed + 1;

    private readonly GuardedLogger _logger = GuardedLogger.Of(logger);
    private readonly LogThrottle _throttle = new(Errors + Statuses, time);

    internal void NotDurable() => LogNotDurable(_logger, endpoint);

    internal void NotReady(Exception fault) => LogNotReady(_logger, fault, endpoint);

    internal void HostTrusted() => LogHostTrusted(_logger, endpoint);

    /// <summary>Writes that a message was not verified.</summary>
    /// <param name="refusal">The refusal.</param>
    /// <param name="origins">The origins that signatures may be for.</param>
    internal void Refused(VerificationResult refusal, IReadOnlyList<string> origins)
    {
        LogLevel level = LevelOf((int)refusal.Error, out long skipped);
        if (_logger.IsEnabled(level))
        {
            LogRefused(
                _logger, level, refusal.Fault, endpoint, refusal.ErrorCode ?? refusal.Error.ToString(), refusal.FailedStep,
                refusal.Sender ?? "unknown", Shown(refusal.KeyId),
                refusal.Detail ?? "", Cure(refusal.Error, origins), skipped);
        }
    }

    internal void VerifierFailed(Exception fault) =>
        LogVerifierFailed(_logger, LevelOf(IntakeStatus.VerifierFailed, out long skipped), fault, endpoint, skipped);

    internal void Busy(int webhooks, long bytes) =>
        LogBusy(_logger, LevelOf(IntakeStatus.Busy, out long skipped), endpoint, webhooks, bytes, skipped);

    internal void TooSlow(string? keyId, string? sender) =>
        LogTooSlow(_logger, LevelOf(IntakeStatus.BodyTooSlow, out long skipped), endpoint, sender ?? "unknown", Shown(keyId), skipped);

    internal void NotDispatchable(VerificationResult verified, string code) =>
        LogNotDispatchable(_logger, LevelOf(IntakeStatus.NotDispatchable, out long skipped), endpoint, code, verified.Sender ?? "unknown",
            Shown(verified.KeyId), skipped);

    internal void WrongToken(ReceivedWebhook webhook) =>
        LogWrongToken(_logger, LevelOf(IntakeStatus.WrongToken, out long skipped), endpoint, webhook.Sender, Shown(webhook.KeyId), skipped);

    internal void Conflict(ReceivedWebhook webhook) =>
        LogConflict(_logger, LevelOf(IntakeStatus.Conflict, out long skipped), endpoint, webhook.IdempotencyKey, webhook.Sender,
            Shown(webhook.KeyId), skipped);

    internal void SenderFull(ReceivedWebhook webhook) =>
        LogSenderFull(_logger, LevelOf(IntakeStatus.SenderFull, out long skipped), endpoint, webhook.Sender, skipped);

    internal void StoreFailed(Exception fault, string call, string sender, string key) =>
        LogStoreFailed(_logger, LevelOf(IntakeStatus.StoreUnavailable, out long skipped), fault, endpoint, call, key, sender, skipped);

    internal void HandlerFailed(Exception? fault, ReceivedWebhook webhook) =>
        LogHandlerFailed(_logger, fault, endpoint, webhook.IdempotencyKey, webhook.Sender, Shown(webhook.KeyId));

    internal void HandlerStuck(ReceivedWebhook webhook, TimeSpan limit) =>
        LogHandlerStuck(_logger, endpoint, webhook.IdempotencyKey, webhook.Sender, limit.TotalSeconds);

    internal void HandlerBack() => LogHandlerBack(_logger, endpoint);

    internal void ClaimLost(ReceivedWebhook webhook) => LogClaimLost(_logger, endpoint, webhook.IdempotencyKey, webhook.Sender);

    internal void Challenge(ReceivedChallenge challenge, bool isWanted) =>
        LogChallenge(_logger, LevelOf(IntakeStatus.ChallengeAccepted, out _, LogLevel.Information), endpoint, challenge.Sender,
            Shown(challenge.Envelope.SubscriberId), isWanted);

    internal void ChallengeFailed(Exception fault, ReceivedChallenge challenge) => LogChallengeFailed(
        _logger, LevelOf(IntakeStatus.ChallengeFailed,
            out long skipped), fault, endpoint, challenge.Sender, Shown(challenge.Envelope.SubscriberId), skipped);

    /// <summary>Returns the advice for an operator about a refusal.</summary>
    internal static string Cure(VerificationError error, IReadOnlyList<string> origins) => error switch
    {
        VerificationError.HeaderMalformed =>
            "The request is not signed, or a proxy changed its headers. Anybody can cause this; look further only if a known sender "
            + "complains.",
        VerificationError.ParamsIncomplete or VerificationError.TagInvalid or VerificationError.AlgNotAllowed
            or VerificationError.ComponentsIncomplete =>
            "The signer does not follow AdCP's webhook profile. Tell the sender.",
        VerificationError.WindowInvalid =>
            "The signature is too old or from the future. Compare this machine's clock with a time server, then tell the sender.",
        VerificationError.KeyUnknown =>
            "The sender does not publish this key, or its key origin or the publisher's pins exclude it. Check the JWKS or brand.json url, "
            + "KeyOrigin and Pins, then tell the sender.",
        VerificationError.KeyPurposeInvalid =>
            "The sender publishes this key for another purpose or algorithm. Tell the sender to publish it with adcp_use request-signing.",
        VerificationError.KeyRevoked => "The sender revoked this key. If the sender still signs with it, tell the sender.",
        VerificationError.RevocationStale => "The revocation list is too old. Check the job that reads it.",
        VerificationError.RateAbuse => "The key, the sender or the whole replay cache holds as many nonces as it may. Raise the cache's "
            + "bounds if the traffic is real.",
        VerificationError.TargetUriMalformed or VerificationError.SignatureInvalid =>
            $"The signature does not fit the request. Senders must call {Names(origins)}: check PublicOrigins and proxies that change "
            + "the path or Content-Type.",
        VerificationError.DigestMismatch or VerificationError.BodyMalformed =>
            "The body is not the one that was signed, or no sound JSON. Check proxies that change bodies, then tell the sender.",
        VerificationError.Replayed =>
            "The same signature was used before. A sender signs every attempt again, so a client that saw the request may have "
            + "repeated it.",
        VerificationError.ModeMismatch => "The message is authenticated in another way than the registration says: challenges by RFC "
            + "9421, webhooks as registered. Compare the registration with the Verifier.",
        VerificationError.UnsupportedContentType => "Webhooks are application/json.",
        VerificationError.BodyTooLarge => "Raise the verifier's MaxBodyBytes if the sender's webhooks are that large.",
        VerificationError.KeysUnavailable =>
            "The sender tries again. If this persists, check that this machine reaches the sender's JWKS or brand.json url.",
        VerificationError.ReplayCacheUnavailable => "The sender tries again. Check the replay cache's database.",
        _ => "",
    };

    private static string Names(IReadOnlyList<string> origins) =>
        origins.Count == 0 ? "the Host that arrives here" : string.Join(" or ", origins);

    private static string Shown(string? text) => text is null ? "-" : LogText.Printable(text, MaxText);

    private LogLevel LevelOf(IntakeStatus status, out long skipped, LogLevel level = LogLevel.Warning) =>
        LevelOf(Errors + (int)status, out skipped, level);

    private LogLevel LevelOf(int cause, out long skipped, LogLevel level = LogLevel.Warning) =>
        _throttle.TryTake(cause, out skipped) ? level : LogLevel.Debug;

    [LoggerMessage(AdcpEventIds.ClaimsNotDurable, LogLevel.Warning,
        "Endpoint {Endpoint} keeps webhook claims in memory: a restart forgets the processed webhooks. For development only; use a "
        + "durable claim store.")]
    private static partial void LogNotDurable(ILogger logger, string endpoint);

    [LoggerMessage(AdcpEventIds.HostTrusted, LogLevel.Warning,
        "Endpoint {Endpoint} trusts the Host header: it accepts webhooks that were signed for another host. Set PublicOrigins unless "
        + "every Host that reaches this process is yours.")]
    private static partial void LogHostTrusted(ILogger logger, string endpoint);

    [LoggerMessage(
        EventId = AdcpEventIds.WebhookRefused,
        Message = "Webhook refused at {Endpoint}: {Code} at step {Step}, sender {Sender}, key id {KeyId}. {Detail} {Cure} Not logged "
            + "before this line: {Skipped}")]
    private static partial void LogRefused(
        ILogger logger, LogLevel level, Exception? fault, string endpoint, string code, string step, string sender, string keyId,
        string detail, string cure, long skipped);

    [LoggerMessage(EventId = AdcpEventIds.VerifierFailed,
        Message = "Webhook at {Endpoint} answered 503: its verifier failed in an unexpected way. Not logged before this line: {Skipped}")]
    private static partial void LogVerifierFailed(ILogger logger, LogLevel level, Exception fault, string endpoint, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.ReceiverBusy,
        Message = "Webhook at {Endpoint} answered 503: {Webhooks} webhooks and {Bytes} bytes are under way, as many as allowed. Look "
            + "for slow handlers, "
            + "or raise MaxConcurrentWebhooks or MaxBufferedBytes. Not logged before this line: {Skipped}")]
    private static partial void LogBusy(ILogger logger, LogLevel level, string endpoint, int webhooks, long bytes, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.BodyTooSlow,
        Message = "Webhook refused at {Endpoint}: its body did not arrive within ReadTimeout, sender {Sender}, key id {KeyId}. Not "
            + "logged before this line: {Skipped}")]
    private static partial void LogTooSlow(ILogger logger, LogLevel level, string endpoint, string sender, string keyId, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.NotDispatchable,
        Message = "Webhook refused at {Endpoint}: {Code}. It is verified, sender {Sender}, key id {KeyId}, but its body is no webhook "
            + "that the handler takes. Tell the sender, "
            + "or set AcceptsOtherPayloads or Version. Not logged before this line: {Skipped}")]
    private static partial void LogNotDispatchable(ILogger logger, LogLevel level, string endpoint, string code, string sender,
        string keyId, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.WrongToken,
        Message = "Webhook refused at {Endpoint}: it does not echo the registration's token, sender {Sender}, key id {KeyId}. Compare "
            + "Token with the registration at the sender. "
            + "Not logged before this line: {Skipped}")]
    private static partial void LogWrongToken(ILogger logger, LogLevel level, string endpoint, string sender, string keyId, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.PayloadConflict,
        Message = "Webhook {IdempotencyKey} refused at {Endpoint}: sender {Sender}, key id {KeyId}, used its idempotency key before "
            + "with another payload. Tell the sender. "
            + "Not logged before this line: {Skipped}")]
    private static partial void LogConflict(ILogger logger, LogLevel level, string endpoint, string idempotencyKey, string sender,
        string keyId, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.SenderFull,
        Message = "Webhook at {Endpoint} answered 429: sender {Sender} has as many idempotency keys as the claim store allows. Raise "
            + "the store's maxKeysPerSender if the traffic is real. "
            + "Not logged before this line: {Skipped}")]
    private static partial void LogSenderFull(ILogger logger, LogLevel level, string endpoint, string sender, long skipped);

    [LoggerMessage(
        EventId = AdcpEventIds.ClaimStoreFailed,
        Message = "Claim store failed at {Endpoint}: {Call} of webhook {IdempotencyKey}, sender {Sender}. It is tried again while the "
            + "claim's lease holds, else the sender tries again. "
            + "Check the store's database. Not logged before this line: {Skipped}")]
    private static partial void LogStoreFailed(
        ILogger logger, LogLevel level, Exception fault, string endpoint, string call, string idempotencyKey, string sender, long skipped);

    [LoggerMessage(
        AdcpEventIds.HandlerFailed, LogLevel.Error,
        "Webhook {IdempotencyKey} answered 500 at {Endpoint}: its handler failed, sender {Sender}, key id {KeyId}. "
            + "The sender's retry is given to the handler again.")]
    private static partial void LogHandlerFailed(ILogger logger, Exception? fault, string endpoint, string idempotencyKey, string sender,
        string keyId);

    [LoggerMessage(
        AdcpEventIds.HandlerStuck, LogLevel.Error,
        "Webhook {IdempotencyKey} answered 503 at {Endpoint}: its handler did not return within {Seconds} s and "
            + "was left running, sender {Sender}. "
            + "It counts against MaxConcurrentWebhooks until it returns.")]
    private static partial void LogHandlerStuck(ILogger logger, string endpoint, string idempotencyKey, string sender, double seconds);

    [LoggerMessage(AdcpEventIds.HandlerReturnedLate, LogLevel.Warning, "A handler that was left running at {Endpoint} has returned.")]
    private static partial void LogHandlerBack(ILogger logger, string endpoint);

    [LoggerMessage(
        AdcpEventIds.ClaimLost, LogLevel.Error,
        "Webhook {IdempotencyKey} answered 503 at {Endpoint}: its claim expired while its handler ran, sender "
            + "{Sender}, so that it may be processed twice. "
            + "Check the claim store, or raise Lease.")]
    private static partial void LogClaimLost(ILogger logger, string endpoint, string idempotencyKey, string sender);

    [LoggerMessage(EventId = AdcpEventIds.ChallengeAnswered,
        Message = "Challenge at {Endpoint} of sender {Sender} for subscription {SubscriberId}: accepted {Accepted}")]
    private static partial void LogChallenge(ILogger logger, LogLevel level, string endpoint, string sender, string subscriberId,
        bool accepted);

    [LoggerMessage(
        EventId = AdcpEventIds.ChallengeFailed,
        Message = "Challenge answered 500 at {Endpoint}: AcceptsChallenge failed for sender {Sender}, subscription {SubscriberId}. The "
            + "sender asks again. Not logged before this line: {Skipped}")]
    private static partial void LogChallengeFailed(
        ILogger logger, LogLevel level, Exception fault, string endpoint, string sender, string subscriberId, long skipped);

    [LoggerMessage(AdcpEventIds.ReceiverNotReady, LogLevel.Error,
        "Endpoint {Endpoint} cannot use its claim store or replay cache and answers webhooks 503 until it can. Check the database, and "
        + "that CreateIfAbsentAsync was called.")]
    private static partial void LogNotReady(ILogger logger, Exception fault, string endpoint);
}
