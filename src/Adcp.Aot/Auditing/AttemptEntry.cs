namespace Adcp.Aot.Auditing;

/// <summary>
/// The packed facts of an attempt on their way to a record. The queue's memory goes back and forth between two cores,
/// and each cache line of it costs a delivery as much as its look-ups do. So a delivery writes these 56 bytes, of which
/// two are references, and the reader creates the record from them. A producer gets a cleared entry and writes only
/// values that differ from the default.
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

    /// <summary><c>true</c> if an <see cref="AttemptCause"/> belongs to this.</summary>
    internal bool HasCause;
}
