using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>The signature of a tool's method.</summary>
/// <param name="Parameters">The kinds of the parameters, as <see cref="ToolModel.Parameters"/>.</param>
/// <param name="Arguments">The type of the arguments; null if the method takes none.</param>
/// <param name="Result">The type of the result, inside outcome and task.</param>
/// <param name="ReturnsOutcome">True for <c>ToolOutcome&lt;T&gt;</c>.</param>
/// <param name="ReturnsTask">True for <c>Task&lt;T&gt;</c>.</param>
internal readonly record struct ToolSignature(
    string Parameters, ITypeSymbol? Arguments, ITypeSymbol Result, bool ReturnsOutcome, bool ReturnsTask);
