namespace Adcp.Aot.Resilience;

/// <summary>One row of a response table.</summary>
/// <param name="Verdict">The meaning for the delivery.</param>
/// <param name="Health">The health of the endpoint.</param>
/// <param name="Code">A stable identifier if the receiver or the guard named one, such as
/// <c>webhook_signature_invalid</c>.</param>
public readonly record struct ResponseClassification(DeliveryVerdict Verdict, EndpointHealth Health, string? Code = null);
