namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's <c>view-threshold-basis</c>: the kind of seconds of a view. The wire name is the member's in snake case.</summary>
public enum ViewBasis
{
    /// <summary><c>play_time</c></summary>
    PlayTime = 0,

    /// <summary><c>in_view</c></summary>
    InView = 1,
}
