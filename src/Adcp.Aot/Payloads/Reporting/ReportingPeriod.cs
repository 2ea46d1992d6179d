namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// The period of a delivery report: from <see cref="Start"/>, up to but not including <see cref="End"/>.
/// </summary>
public readonly record struct ReportingPeriod
{
    /// <summary>Creates a period.</summary>
    /// <param name="start">Its first moment.</param>
    /// <param name="end">The first moment after it.</param>
    /// <exception cref="ArgumentException">The end is not later than the start.</exception>
    public ReportingPeriod(DateTimeOffset start, DateTimeOffset end)
    {
        if (end <= start)
        {
            throw new ArgumentException("The end must be later than the start.", nameof(end));
        }

        Start = start;
        End = end;
    }

    /// <summary>Its first moment.</summary>
    public DateTimeOffset Start { get; }

    /// <summary>The first moment after it.</summary>
    public DateTimeOffset End { get; }
}
