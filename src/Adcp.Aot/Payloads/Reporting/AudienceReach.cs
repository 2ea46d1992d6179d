namespace Adcp.Aot.Payloads.Reporting;

/// <summary>A reach and its unit. The wire never has one without the other.</summary>
/// <param name="Count">The number.</param>
/// <param name="Unit">The unit.</param>
public readonly record struct AudienceReach(decimal Count, ReachUnit Unit);
