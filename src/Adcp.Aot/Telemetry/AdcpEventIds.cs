namespace Adcp.Aot.Telemetry;

/// <summary>
/// The event ids of the log lines that the engine, the verifier and the receiver write. The ids are stable; texts may
/// change.
/// </summary>
public static class AdcpEventIds
{
    /// <summary>
    /// Warning: "Webhooks are authenticated by {Scheme}, which AdCP has deprecated and 4.0 removes; ask for registrations
    /// without an authentication block."
    /// </summary>
    public const int AuthenticationDeprecated = 201;

    /// <summary>
    /// Warning: "Webhook not sent to {Authority}: {Reason}. The buyer is told only that the destination cannot be reached."
    /// </summary>
    public const int DestinationRefused = 202;

    /// <summary>
    /// Information, Warning: "Webhook {IdempotencyKey} attempt {Attempt}/{MaxAttempts} {Outcome} at {Url}: {Error} in {ElapsedMs} ms"
    /// </summary>
    public const int Attempted = 300;

    /// <summary>Warning: "The delivery log sink failed with {Fault}; up to {Count} audit records are lost."</summary>
    public const int SinkFailed = 301;

    /// <summary>
    /// Warning: "The delivery log sink outlived its timeout of {Timeout} with {Count} audit records. Further records wait,
    /// and are dropped if the queue is full."
    /// </summary>
    public const int SinkTimedOut = 302;

    /// <summary>
    /// Information: "The delivery log sink ended a call with {Count} audit records that had outlived its timeout."
    /// </summary>
    public const int SinkEndedLate = 303;

    /// <summary>
    /// Error: "The delivery log sink did not end its last call. The drain continues without it; {Count} queued audit
    /// records are dropped."
    /// </summary>
    public const int SinkAbandoned = 304;

    /// <summary>
    /// Warning: "The webhook circuit of {Endpoint} went from {From} to {To}. Its last failure: HTTP status {StatusCode},
    /// error {Error}."
    /// </summary>
    public const int CircuitChanged = 401;

    /// <summary>Warning: "A late success moved the webhook circuit of {Endpoint} from {From} to {To}."</summary>
    public const int LateSuccess = 402;

    /// <summary>Error: "The response table threw {Fault}. AdCP's own table classified the result."</summary>
    public const int ResponseTableFailed = 403;

    /// <summary>
    /// Error: "The sender of webhook {IdempotencyKey} to {Endpoint} still runs {Timeout} after it was cancelled. The delivery
    /// has ended without it. Its permits stay taken until the sender ends."
    /// </summary>
    public const int SenderIgnoresCancellation = 404;

    /// <summary>Warning: "A cancellation callback of the webhook sender threw {Fault}."</summary>
    public const int CancellationCallbackFailed = 405;

    /// <summary>
    /// Error: "The retry delay was computed without jitter and Retry-After because the clock or the random source threw
    /// {Fault}."
    /// </summary>
    public const int JitterFailed = 406;

    /// <summary>
    /// Error: "The TimeProvider threw {Fault}. The machine's clock is used while it does. Later faults are not logged."
    /// </summary>
    public const int ClockFailed = 407;

    /// <summary>
    /// Information: "The webhook circuit of {Endpoint} went from {From} to {To}. Its last failure was in another process."
    /// </summary>
    public const int CircuitTakenOver = 408;

    /// <summary>
    /// Warning: "The {Document} at {Authority} cannot be read: {Reason}. The sender's webhooks are answered 503 when its keys
    /// are older than their lifetime."
    /// </summary>
    public const int KeysUnread = 501;

    /// <summary>Warning: "The brand.json at {Authority} names another jwks_uri than before: {From} is now {To}."</summary>
    public const int JwksUriChanged = 502;

    /// <summary>Error: "The keys at {Authority} could not be read: the reading failed in an unexpected way."</summary>
    public const int KeyReadingFailed = 503;

    /// <summary>
    /// Error: "The keys of {Sender} are not used: its jwks_uri is at {Authority}, and its key origin is {Host}. Its webhooks are
    /// refused. Compare KeyOrigin with identity.key_origins.webhook_signing of its capabilities."
    /// </summary>
    public const int KeyOriginMismatch = 504;

    /// <summary>
    /// Warning: "Endpoint {Endpoint} keeps webhook claims in memory: a restart forgets the processed webhooks. For
    /// development only; use a durable claim store."
    /// </summary>
    public const int ClaimsNotDurable = 601;

    /// <summary>
    /// Warning: "Endpoint {Endpoint} trusts the Host header: it accepts webhooks that were signed for another host. Set
    /// PublicOrigins unless every Host that reaches this process is yours."
    /// </summary>
    public const int HostTrusted = 602;

    /// <summary>
    /// Warning, then Debug: "Webhook refused at {Endpoint}: {Code} at step {Step}, sender {Sender}, key id {KeyId}. {Detail}
    /// {Cure} Not logged before this line: {Skipped}"
    /// </summary>
    public const int WebhookRefused = 603;

    /// <summary>
    /// Warning, then Debug: "Webhook at {Endpoint} answered 503: its verifier failed in an unexpected way. Not logged before
    /// this line: {Skipped}"
    /// </summary>
    public const int VerifierFailed = 604;

    /// <summary>
    /// Warning, then Debug: "Webhook at {Endpoint} answered 503: {Webhooks} webhooks and {Bytes} bytes are under way, as many
    /// as allowed. Look for slow handlers, or raise MaxConcurrentWebhooks or MaxBufferedBytes. Not logged before this line:
    /// {Skipped}"
    /// </summary>
    public const int ReceiverBusy = 605;

    /// <summary>
    /// Warning, then Debug: "Webhook refused at {Endpoint}: its body did not arrive within ReadTimeout, sender {Sender}, key
    /// id {KeyId}. Not logged before this line: {Skipped}"
    /// </summary>
    public const int BodyTooSlow = 606;

    /// <summary>
    /// Warning, then Debug: "Webhook refused at {Endpoint}: {Code}. It is verified, sender {Sender}, key id {KeyId}, but its
    /// body is no webhook that the handler takes. Tell the sender, or set AcceptsOtherPayloads or Version. Not logged before
    /// this line: {Skipped}"
    /// </summary>
    public const int NotDispatchable = 607;

    /// <summary>
    /// Warning, then Debug: "Webhook refused at {Endpoint}: it does not echo the registration's token, sender {Sender}, key
    /// id {KeyId}. Compare Token with the registration at the sender. Not logged before this line: {Skipped}"
    /// </summary>
    public const int WrongToken = 608;

    /// <summary>
    /// Warning, then Debug: "Webhook {IdempotencyKey} refused at {Endpoint}: sender {Sender}, key id {KeyId}, used its
    /// idempotency key before with another payload. Tell the sender. Not logged before this line: {Skipped}"
    /// </summary>
    public const int PayloadConflict = 609;

    /// <summary>
    /// Warning, then Debug: "Webhook at {Endpoint} answered 429: sender {Sender} has as many idempotency keys as the claim
    /// store allows. Raise the store's maxKeysPerSender if the traffic is real. Not logged before this line: {Skipped}"
    /// </summary>
    public const int SenderFull = 610;

    /// <summary>
    /// Warning, then Debug: "Claim store failed at {Endpoint}: {Call} of webhook {IdempotencyKey}, sender {Sender}. It is
    /// tried again while the claim's lease holds, else the sender tries again. Check the store's database. Not logged before
    /// this line: {Skipped}"
    /// </summary>
    public const int ClaimStoreFailed = 611;

    /// <summary>
    /// Error: "Webhook {IdempotencyKey} answered 500 at {Endpoint}: its handler failed, sender {Sender}, key id {KeyId}. The
    /// sender's retry is given to the handler again."
    /// </summary>
    public const int HandlerFailed = 612;

    /// <summary>
    /// Error: "Webhook {IdempotencyKey} answered 503 at {Endpoint}: its handler did not return within {Seconds} s and was
    /// left running, sender {Sender}. It counts against MaxConcurrentWebhooks until it returns."
    /// </summary>
    public const int HandlerStuck = 613;

    /// <summary>Warning: "A handler that was left running at {Endpoint} has returned."</summary>
    public const int HandlerReturnedLate = 614;

    /// <summary>
    /// Error: "Webhook {IdempotencyKey} answered 503 at {Endpoint}: its claim expired while its handler ran, sender {Sender},
    /// so that it may be processed twice. Check the claim store, or raise Lease."
    /// </summary>
    public const int ClaimLost = 615;

    /// <summary>
    /// Warning, then Debug: "Challenge at {Endpoint} of sender {Sender} for subscription {SubscriberId}: accepted {Accepted}"
    /// </summary>
    public const int ChallengeAnswered = 616;

    /// <summary>
    /// Warning, then Debug: "Challenge answered 500 at {Endpoint}: AcceptsChallenge failed for sender {Sender}, subscription
    /// {SubscriberId}. The sender asks again. Not logged before this line: {Skipped}"
    /// </summary>
    public const int ChallengeFailed = 617;

    /// <summary>Error: a table of the claim store or the replay cache is missing or cannot be read when the application starts.</summary>
    public const int ReceiverNotReady = 618;

    /// <summary>Warning: "Operator action {Action} on {Target} by {Actor}. Reason: {Reason}"</summary>
    public const int OperatorActed = 701;
}
