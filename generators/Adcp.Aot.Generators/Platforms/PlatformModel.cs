using Adcp.Aot.Generators.Models;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>The model of <c>[AdcpPlatform]</c>.</summary>
/// <param name="Type">The class.</param>
/// <param name="JsonContext">The fully qualified contracts.</param>
/// <param name="Tools">Its tools, in source order.</param>
internal sealed record PlatformModel(TypeModel Type, string JsonContext, EquatableArray<ToolModel> Tools);
