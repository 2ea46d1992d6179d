namespace Adcp.Aot.TestResources;

/// <summary>A reason to leave tests out.</summary>
/// <param name="What">The absent resource, for the name of the entry in the test results.</param>
/// <param name="Remedy">How to provide the resource, as an imperative without a full stop.</param>
internal sealed record Absence(string What, string Remedy);
