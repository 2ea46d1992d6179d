using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// A seller's tools. Generated from <see cref="AdcpPlatformAttribute"/>; safe for concurrent use if the tools are.
/// </summary>
public interface IAdcpPlatform
{
    /// <summary>The tools, each name once.</summary>
    IReadOnlyList<ToolDescription> Tools { get; }

    /// <summary>Performs a tool.</summary>
    /// <param name="tool">One of <see cref="Tools"/>.</param>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <param name="call">The caller, its registrations, and the method to hand off.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="AdcpErrorException">The tool answers with an AdCP error.</exception>
    ValueTask<ToolReply> InvokeAsync(string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken);
}
