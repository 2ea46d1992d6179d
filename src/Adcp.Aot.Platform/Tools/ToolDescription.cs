using System.Text.Json;
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

    /// <summary>
    /// Gets whether a call may be handed off to a task. If not, a call's registration of a webhook is ignored, because nothing would be
    /// reported. Default true; the generator states it by the method's result type.
    /// </summary>
    public bool CanHandOff { get; init; } = true;

    /// <summary>
    /// Gets the JSON schema of the arguments, an object; default null, any object. The generator writes it from the JSON contract of the
    /// arguments' type.
    /// </summary>
    public JsonElement? InputSchema { get; init; }

    /// <summary>Gets whether AdCP demands an <c>idempotency_key</c>. Some tools change something and take none.</summary>
    internal bool RequiresIdempotencyKey => IsMutating && Name is not ("comply_test_controller" or "si_terminate_session");

    /// <summary>Returns whether a task webhook may report on the tool in a generation, and as which type.</summary>
    /// <param name="version">The generation.</param>
    /// <param name="taskType">The task type.</param>
    public bool IsEligible(AdcpVersion version, out TaskType taskType) =>
        WireNames.TryParse(Name, out taskType) && taskType.IsEligible(version);

    /// <summary>Returns whether a call that registers a webhook may be reported on by it.</summary>
    internal bool IsReported(PlatformOptions options) => IsEligible(options.Version, out _)
        && (CanHandOff || (IsMutating && options is { Version: AdcpVersion.V30, EmitsInlineCompletions: true }));
}
