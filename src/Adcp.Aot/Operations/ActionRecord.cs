namespace Adcp.Aot.Operations;

/// <summary>An action that an operator took. Immutable.</summary>
/// <param name="At">When it was taken, UTC.</param>
/// <param name="Actor">The person or program that acted.</param>
/// <param name="Action">The action: <c>isolate</c>, <c>reset</c>, <c>redrive</c>, <c>discard</c>,
/// <c>cancel redrive</c>, <c>cancel discard</c> or <c>open body</c>.</param>
/// <param name="Target">The name of the endpoint, or the dead letters by number, id or filter.</param>
/// <param name="Reason">The reason; <see langword="null"/> for none.</param>
public sealed record ActionRecord(DateTimeOffset At, string Actor, string Action, string Target, string? Reason);
