using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// The period of a delivery report: from <see cref="Start"/>, up to but not including <see cref="End"/>.
/// </summary>
public readonly record struct ReportingPeriod
{
    /// <summary>Creates a period.</summary>
    /// <param name="start">Its first moment.</param>
    /// <param name="end">The first moment after it.</param>
    /// <param name="timeZone">
    /// The IANA time zone whose days it counts, such as <c>Europe/Berlin</c>; null for none. At most 255 characters. Since 3.2; left out
    /// for earlier versions.
    /// </param>
    /// <exception cref="ArgumentException">The end is not later than the start, or the time zone is blank or too long.</exception>
    public ReportingPeriod(DateTimeOffset start, DateTimeOffset end, string? timeZone = null)
    {
        if (end <= start)
        {
            throw new ArgumentException("The end must be later than the start.", nameof(end));
        }

        Start = start;
        End = end;
        TimeZone = timeZone is null ? null : JsonWire.Name(timeZone, nameof(timeZone), 255);
    }

    /// <summary>Its first moment.</summary>
    public DateTimeOffset Start { get; }

    /// <summary>The first moment after it.</summary>
    public DateTimeOffset End { get; }

    /// <summary>The time zone whose days it counts; <c>null</c> for none.</summary>
    public string? TimeZone { get; }
}
