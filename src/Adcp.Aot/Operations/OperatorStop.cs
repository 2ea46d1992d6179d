namespace Adcp.Aot.Operations;

/// <summary>An operator's decision that no attempt is made, until it is taken back. Immutable.</summary>
/// <param name="Since">The time of the decision, by the database's clock.</param>
/// <param name="Actor">The person or program that took it.</param>
/// <param name="Reason">The reason; <see langword="null"/> for none.</param>
public sealed record OperatorStop(DateTimeOffset Since, string Actor, string? Reason);
