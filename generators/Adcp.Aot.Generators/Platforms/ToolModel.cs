namespace Adcp.Aot.Generators.Platforms;

/// <summary>A tool's method.</summary>
/// <param name="Name">The tool's wire name.</param>
/// <param name="Description">Null for none.</param>
/// <param name="Method">The method's name.</param>
/// <param name="Parameters">The arguments of the call, in order: <c>A</c> arguments, <c>C</c> the call, <c>T</c> the
/// token.</param>
/// <param name="ArgumentsType">The fully qualified type of the arguments; <c>null</c> if the method takes none.</param>
/// <param name="ResultType">The fully qualified type of the result, inside outcome and task.</param>
/// <param name="ReturnsOutcome"><c>true</c> for <c>ToolOutcome&lt;T&gt;</c>.</param>
/// <param name="ReturnsTask"><c>true</c> for <c>Task&lt;T&gt;</c>.</param>
/// <param name="IsStatic">True if the method is static.</param>
internal sealed record ToolModel(
    string Name,
    string? Description,
    string Method,
    string Parameters,
    string? ArgumentsType,
    string ResultType,
    bool ReturnsOutcome,
    bool ReturnsTask,
    bool IsStatic);
