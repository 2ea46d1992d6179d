namespace Adcp.Aot.Storage;

/// <summary>The ids of this package's log events, from 5001. They never change their meaning.</summary>
public static class StorageEventIds
{
    /// <summary>
    /// Warning: "The outbox worker could not renew its lease: {Fault}. It tries again until the lease ends, then stops sending and
    /// joins again. Check the outbox's database."
    /// </summary>
    public const int OutboxRenewalFailed = 5001;

    /// <summary>
    /// Error: "The lease of outbox worker {Worker} ended because no renewal succeeded for {Lease}. Its attempts under way are cancelled,
    /// and another worker takes its lanes: these webhooks may be sent twice with the same idempotency key. Check the outbox's database."
    /// </summary>
    public const int OutboxLeaseEnded = 5002;

    /// <summary>
    /// Error: "Outbox worker {Worker} was declared dead by another worker because its lease had ended. Its attempts under way are
    /// cancelled and may be sent twice with the same idempotency key. The process joins again. Check whether it was paused or starved of
    /// processor time."
    /// </summary>
    public const int OutboxDeclaredDead = 5003;

    /// <summary>
    /// Warning: "The outbox worker could not say that it leaves: {Fault}. Other workers take over when its lease ends."
    /// </summary>
    public const int OutboxLeaveFailed = 5004;

    /// <summary>
    /// Warning: "The outbox worker could not read its lanes: {Fault}. It tries again; no webhook is lost. Check the outbox's database."
    /// </summary>
    public const int OutboxReadFailed = 5005;

    /// <summary>
    /// Warning: "{Count} results of the outbox could not be committed: {Fault}. They are committed again; nothing is sent twice unless
    /// the process ends. Check the outbox's database."
    /// </summary>
    public const int OutboxSettleFailed = 5006;

    /// <summary>
    /// Error: "Row {Id} of the outbox cannot be settled: {Fault}. It is left as it is, and is delivered again after a restart."
    /// </summary>
    public const int OutboxRowUnsettled = 5007;

    /// <summary>
    /// Warning: "{Count} results of the outbox were fenced off: the worker does not own their lanes any more, so that these webhooks may
    /// be sent twice with the same idempotency key. See the line before that says why the lease ended."
    /// </summary>
    public const int OutboxFencedOff = 5008;

    /// <summary>
    /// Error: "Webhooks in the outbox wait for encryption key {KeyId}, which this process does not have. Give the key to
    /// SecretsAtRest.EncryptedWith among the older ones. Not logged before this line: {Skipped}"
    /// </summary>
    public const int OutboxKeyUnknown = 5009;

    /// <summary>
    /// Error: "Row {Id} of the outbox cannot be read: {Reason}. It is kept as a dead letter."
    /// </summary>
    public const int OutboxRowUnreadable = 5010;

    /// <summary>
    /// Error: "The attempt of row {Id} of the outbox failed by a fault of this process: {Fault}. It is made again and does not count."
    /// </summary>
    public const int OutboxOwnFault = 5011;

    /// <summary>
    /// Warning: "Webhook {IdempotencyKey} to {Endpoint} of tenant {Tenant} ended undelivered after {Attempts} attempts:
    /// {Reason}, last status {Status}. It is kept as dead letter {Id}; redrive it when the receiver is repaired."
    /// </summary>
    public const int OutboxDeadLetter = 5012;

    /// <summary>
    /// Information: "Outbox worker {Worker} owns {Lanes} of 64 lanes among {Workers} workers."
    /// </summary>
    public const int OutboxLanesChanged = 5013;

    /// <summary>Warning: "The outbox may lose committed webhooks: {Reason}"</summary>
    public const int OutboxNotDurable = 5014;

    /// <summary>
    /// Error: "The authorizer of the outbox could not decide about {Count} attempts: {Fault}. They wait and do not count; their horizon
    /// continues. Calls that failed and were not logged before this line: {Skipped}"
    /// </summary>
    public const int OutboxAuthorizerFailed = 5015;

    /// <summary>
    /// Warning: "Webhook {IdempotencyKey} of tenant {Tenant} has blocked its ordered stream for {Limit}. The stream continues without it;
    /// it is still retried, and may arrive out of order."
    /// </summary>
    public const int OutboxPassedOver = 5016;

    /// <summary>
    /// Warning: "The outbox worker applies an operator's action: endpoint {Target} was {Change} by {Actor}. Reason: {Reason}. The target
    /// "all" is every delivery."
    /// </summary>
    public const int OutboxSwitched = 5017;

    /// <summary>
    /// Warning: "Webhook {IdempotencyKey} of task or notification {Subject} of tenant {Tenant} to {Endpoint} waits in the outbox after
    /// {Attempts} attempts. It is delivered when a worker starts."
    /// </summary>
    public const int OutboxWebhookWaits = 5020;

    /// <summary>
    /// Warning: "The outbox has no worker any more. {Count} webhooks wait in it until a worker starts; the lines before this one name
    /// {Listed} of them."
    /// </summary>
    public const int OutboxLeft = 5021;

    /// <summary>
    /// Warning: "The outbox worker stopped, and the database did not say which webhooks wait: {Fault}. Those that do are delivered when
    /// a worker starts."
    /// </summary>
    public const int OutboxLeftUnknown = 5022;

    /// <summary>
    /// Warning, when a worker starts: "The retry policy of the outbox worker ends a webhook before the retry horizon of {Horizon}: it has
    /// {Attempts} attempts, and their delays or its deadline are shorter. Raise them, or use OutboxWorkerOptions.DefaultRetry."
    /// </summary>
    public const int OutboxRetryTooShort = 5023;

    /// <summary>
    /// Warning, when a worker starts: "The outbox worker needs {Needed} connections to PostgreSQL, and its pool has {Size}: deliveries can
    /// stop until one is free. Raise Maximum Pool Size."
    /// </summary>
    public const int OutboxPoolTooSmall = 5024;

    /// <summary>
    /// Warning: "The wake-up {WakeUp} of the outbox ended: {Fault}. It is called again in {Delay}; webhooks of other processes are found by
    /// polling."
    /// </summary>
    public const int OutboxListeningEnded = 5030;

    /// <summary>
    /// Warning, once: "The wake-up {WakeUp} of the outbox failed: {Fault}. Webhooks of this process are found by polling in other
    /// processes."
    /// </summary>
    public const int OutboxNotifyFailed = 5031;

    /// <summary>
    /// Information: "{Job} {Id} of dead letters ended as {State} (dry run: {IsDryRun}): {Handled} handled, {Left} left." The job is a
    /// redrive or a discard.
    /// </summary>
    public const int OutboxJobEnded = 5032;

    /// <summary>
    /// Error: "{Job} {Id} of dead letters failed: {Type}: {Fault}. Start it again: dead letters that were handled are not there any more."
    /// </summary>
    public const int OutboxJobFailed = 5033;
}
