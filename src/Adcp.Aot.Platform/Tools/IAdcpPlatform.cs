using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// A seller's tools. Generated from <see cref="AdcpPlatformAttribute"/>; safe for concurrent use if the tools are.
/// </summary>
public interface IAdcpPlatform
{
    /// <summary>The tools, each name once.</summary>
    IReadOnlyList<ToolDescription> Tools { get; }

    /// <summary>
    /// Refuses arguments that do not fit the tool's type. It changes nothing, and is called before a request is claimed by its
    /// <c>idempotency_key</c>, so that a malformed request claims none. Default: accepts any arguments.
    /// </summary>
    /// <param name="tool">One of <see cref="Tools"/>.</param>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <exception cref="AdcpErrorException">The arguments break a rule: <c>INVALID_REQUEST</c>.</exception>
    void CheckArguments(string tool, JsonElement arguments)
    {
    }

    /// <summary>Performs a tool.</summary>
    /// <param name="tool">One of <see cref="Tools"/>.</param>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <param name="call">The caller, its registrations, and the method to hand off.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="AdcpErrorException">The tool answers with an AdCP error.</exception>
    ValueTask<ToolReply> InvokeAsync(string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken);
}
