namespace Adcp.Aot.Generators.Models;

/// <summary>A fan-out.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="Parts">The sinks' types, by full name.</param>
/// <param name="ArePublic">True if every part may be in the signature of a public constructor.</param>
internal sealed record FanOutModel(TypeModel Type, EquatableArray<string> Parts, bool ArePublic);
