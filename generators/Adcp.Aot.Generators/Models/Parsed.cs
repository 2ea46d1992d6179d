using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Models;

/// <summary>
/// The model of an attribute, and its faults. The generator takes the model and the analyzer the faults, so that both
/// use the same code. Only the model may enter a pipeline.
/// </summary>
/// <param name="Model"><c>null</c> if the faults leave nothing to generate.</param>
/// <param name="Faults">The diagnostics to report.</param>
internal readonly record struct Parsed<T>(T? Model, ImmutableArray<Diagnostic> Faults)
    where T : class;
