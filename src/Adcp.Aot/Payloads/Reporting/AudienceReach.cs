namespace Adcp.Aot.Payloads.Reporting;

/// <summary>A reach and what it counts; the wire never has one without the other.</summary>
/// <param name="Count">How many.</param>
/// <param name="Unit">Of what.</param>
public readonly record struct AudienceReach(decimal Count, ReachUnit Unit);
