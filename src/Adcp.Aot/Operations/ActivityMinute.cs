namespace Adcp.Aot.Operations;

/// <summary>The attempts that ended in one minute.</summary>
/// <param name="At">The beginning of the minute, UTC.</param>
/// <param name="Delivered">The attempts that were answered with 2xx.</param>
/// <param name="Failed">The attempts that failed.</param>
/// <param name="NotAttempted">The deliveries that ended, or were put off, without an attempt: refused, cancelled or expired.</param>
public sealed record ActivityMinute(DateTimeOffset At, long Delivered, long Failed, long NotAttempted);
