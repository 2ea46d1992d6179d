using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>A tool in the list of tools.</summary>
/// <param name="Name">Its name on the wire.</param>
/// <param name="Description">Its description; null for none.</param>
public sealed record ToolDescription(string Name, string? Description = null)
{
    /// <summary>
    /// Gets whether a call may change something. Tools whose names begin with <c>get_</c>, <c>list_</c>, <c>search_</c>
    /// and <c>preview_</c> only read.
    /// </summary>
    public bool IsMutating => !(Name.StartsWith("get_", StringComparison.Ordinal) || Name.StartsWith("list_", StringComparison.Ordinal)
        || Name.StartsWith("search_", StringComparison.Ordinal) || Name.StartsWith("preview_", StringComparison.Ordinal));

    /// <summary>Returns whether a task webhook may report on the tool in a generation, and as which type.</summary>
    /// <param name="version">The generation.</param>
    /// <param name="taskType">The task type.</param>
    public bool IsEligible(AdcpVersion version, out TaskType taskType) =>
        WireNames.TryParse(Name, out taskType) && taskType.IsEligible(version);
}
