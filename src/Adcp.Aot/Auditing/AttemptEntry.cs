namespace Adcp.Aot.Auditing;

/// <summary>
/// What a delivery knows at the end of an attempt, packed, on its way to a record. The queue's memory goes back and
/// forth between two cores, and each line of it costs a delivery as much as its look-ups do; so a delivery writes this,
/// 56 bytes of which two are references, and the record is made of it on the reader's side. A producer finds it cleared
/// and writes only what differs from the default.
/// </summary>
internal struct AttemptEntry
{
    internal PreparedWebhook? Webhook;
    internal IAttemptContext? Context;
    internal long SequenceNumber;
    internal long StartedAt;
    internal long EndedAt;
    internal int SkippedBefore;
    internal ushort AttemptNumber;
    internal ushort MaxAttempts;
    internal short StatusCode;
    internal byte Outcome;
    internal byte Error;
    internal bool IsAttempt;
    internal bool WillRetry;

    internal AttemptFlags Flags;

    /// <summary>True if an <see cref="AttemptCause"/> belongs to this.</summary>
    internal bool HasCause;
}
