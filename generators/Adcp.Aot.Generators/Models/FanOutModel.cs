namespace Adcp.Aot.Generators.Models;

/// <summary>A fan-out and its parts, by full name.</summary>
internal sealed record FanOutModel(TypeModel Type, EquatableArray<string> Parts);
