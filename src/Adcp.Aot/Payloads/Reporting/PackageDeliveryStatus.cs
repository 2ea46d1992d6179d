namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's <c>delivery-status</c> of a package. The wire name is the member's in snake case.</summary>
public enum PackageDeliveryStatus
{
    /// <summary><c>delivering</c></summary>
    Delivering = 0,

    /// <summary><c>not_delivering</c></summary>
    NotDelivering = 1,

    /// <summary><c>completed</c></summary>
    Completed = 2,

    /// <summary><c>budget_exhausted</c></summary>
    BudgetExhausted = 3,

    /// <summary><c>flight_ended</c></summary>
    FlightEnded = 4,

    /// <summary><c>goal_met</c></summary>
    GoalMet = 5,
}
