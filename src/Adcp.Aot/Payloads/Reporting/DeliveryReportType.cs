namespace Adcp.Aot.Payloads.Reporting;

/// <summary>The reason for a delivery report. The wire name is the member's in snake case.</summary>
public enum DeliveryReportType
{
    /// <summary><c>scheduled</c></summary>
    Scheduled = 0,

    /// <summary><c>final</c></summary>
    Final = 1,

    /// <summary><c>delayed</c></summary>
    Delayed = 2,

    /// <summary><c>adjusted</c></summary>
    Adjusted = 3,

    /// <summary><c>window_update</c></summary>
    WindowUpdate = 4,
}
