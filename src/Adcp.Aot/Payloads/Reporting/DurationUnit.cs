namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's unit of a duration. The wire name is the member's in snake case.</summary>
public enum DurationUnit
{
    /// <summary><c>seconds</c></summary>
    Seconds = 0,

    /// <summary><c>minutes</c></summary>
    Minutes = 1,

    /// <summary><c>hours</c></summary>
    Hours = 2,

    /// <summary><c>days</c></summary>
    Days = 3,

    /// <summary><c>campaign</c></summary>
    Campaign = 4,
}
