namespace Adcp.Aot.Payloads.Reporting;

/// <summary>AdCP's <c>reach-unit</c>: the unit of a reach.</summary>
public enum ReachUnit
{
    /// <summary><c>individuals</c></summary>
    Individuals = 0,

    /// <summary><c>households</c></summary>
    Households = 1,

    /// <summary><c>devices</c></summary>
    Devices = 2,

    /// <summary><c>accounts</c></summary>
    Accounts = 3,

    /// <summary><c>cookies</c></summary>
    Cookies = 4,

    /// <summary><c>custom</c></summary>
    Custom = 5,
}
