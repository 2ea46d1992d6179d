namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's <c>attribution-model</c>. The wire name is the member's in snake case.</summary>
public enum AttributionModel
{
    /// <summary><c>last_touch</c></summary>
    LastTouch = 0,

    /// <summary><c>first_touch</c></summary>
    FirstTouch = 1,

    /// <summary><c>linear</c></summary>
    Linear = 2,

    /// <summary><c>time_decay</c></summary>
    TimeDecay = 3,

    /// <summary><c>data_driven</c></summary>
    DataDriven = 4,
}
