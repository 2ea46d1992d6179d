using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Models;

/// <summary>
/// What an attribute says, and what is wrong with it. The generator takes the model, the analyzer the faults, so that
/// both judge by the same code; only the model may enter a pipeline.
/// </summary>
/// <param name="Model"><c>null</c> if the faults leave nothing to generate.</param>
/// <param name="Faults">What to report.</param>
internal readonly record struct Parsed<T>(T? Model, ImmutableArray<Diagnostic> Faults)
    where T : class;
