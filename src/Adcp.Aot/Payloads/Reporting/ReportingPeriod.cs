namespace Adcp.Aot.Payloads.Reporting;

/// <summary>The time a delivery report covers: from <see cref="Start"/>, up to but not including <see cref="End"/>.</summary>
public readonly record struct ReportingPeriod
{
    /// <summary>Checks a period.</summary>
    /// <param name="start">Its first moment.</param>
    /// <param name="end">The first moment after it.</param>
    /// <exception cref="ArgumentException">It does not end after it starts.</exception>
    public ReportingPeriod(DateTimeOffset start, DateTimeOffset end)
    {
        if (end <= start)
        {
            throw new ArgumentException("A period ends after it starts.", nameof(end));
        }

        Start = start;
        End = end;
    }

    /// <summary>Its first moment.</summary>
    public DateTimeOffset Start { get; }

    /// <summary>The first moment after it.</summary>
    public DateTimeOffset End { get; }
}
