namespace Adcp.Aot.Platform;

/// <summary>
/// Marks the method that performs an AdCP tool. Its parameters are, each at most once and in any order, the arguments'
/// type, <see cref="ToolCall"/> and <see cref="CancellationToken"/>. It returns a <see cref="ValueTask{TResult}"/> or
/// <see cref="Task{TResult}"/> of the result's type or of <see cref="ToolOutcome{T}"/>.
/// </summary>
/// <param name="name">The tool's name on the wire, such as <c>create_media_buy</c>.</param>
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
public sealed class AdcpToolAttribute(string name) : Attribute
{
    /// <summary>The tool's name on the wire.</summary>
    public string Name { get; } = name;

    /// <summary>The tool's description in the list of tools; default null.</summary>
    public string? Description { get; set; }
}
