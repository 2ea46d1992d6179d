namespace Adcp.Aot.Auditing;

/// <summary>
/// The details of an attempt that was no plain success. They are beside the queue's entries, in memory that successful
/// deliveries never touch.
/// </summary>
internal struct AttemptCause
{
    internal string? Code;
    internal string? Detail;
    internal TimeSpan RetryDelay;
}
