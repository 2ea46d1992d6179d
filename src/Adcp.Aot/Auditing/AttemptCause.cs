namespace Adcp.Aot.Auditing;

/// <summary>
/// What is to be said of an attempt that was no plain success: beside the queue's entries, in memory that deliveries
/// without one never touch.
/// </summary>
internal struct AttemptCause
{
    internal string? Code;
    internal string? Detail;
    internal TimeSpan RetryDelay;
}
