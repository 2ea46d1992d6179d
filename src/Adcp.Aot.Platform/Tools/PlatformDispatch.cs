using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Platform;

/// <summary>What generated dispatch calls. Not for use by hand.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class PlatformDispatch
{
    /// <summary>A type's contract of a context.</summary>
    /// <exception cref="InvalidOperationException">The context does not know the type.</exception>
    public static JsonTypeInfo<T> Contract<T>(JsonSerializerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.GetTypeInfo(typeof(T)) as JsonTypeInfo<T>
            ?? throw new InvalidOperationException(
                $"{context.GetType().Name} has no contract of {typeof(T).Name}: add [JsonSerializable(typeof({typeof(T).Name}))] to it.");
    }

    /// <summary>Reads a tool's arguments.</summary>
    /// <exception cref="AdcpErrorException">They do not fit: <c>INVALID_REQUEST</c>.</exception>
    public static T Arguments<T>(JsonElement arguments, JsonTypeInfo<T> contract)
    {
        try
        {
            return arguments.Deserialize(contract) ?? throw new JsonException();
        }
        catch (JsonException fault)
        {
            // The path is the caller's own naming; the message of the serialiser may show values.
            throw new AdcpErrorException(AdcpError.InvalidRequest("The arguments do not have the tool's form.",
                fault.Path?.TrimStart('$', '.') is { Length: > 0 } path ? path : null));
        }
    }

    /// <summary>A result, now.</summary>
    public static async ValueTask<ToolReply> ResultAsync<T>(ValueTask<T> result, JsonTypeInfo<T> contract) =>
        ToolReply.Completed(JsonSerializer.SerializeToUtf8Bytes(await result.ConfigureAwait(false), contract));

    /// <summary>Answers with a result or a task, and starts the work of the task.</summary>
    public static async ValueTask<ToolReply> OutcomeAsync<T>(ValueTask<ToolOutcome<T>> outcome, JsonTypeInfo<T> contract)
        where T : class
    {
        ToolOutcome<T> answer = await outcome.ConfigureAwait(false);
        answer.Work?.Start(contract);
        return answer.Task is { } task ? ToolReply.HandedOff(task)
            : ToolReply.Completed(JsonSerializer.SerializeToUtf8Bytes(answer.Result
                ?? throw new InvalidOperationException("The tool answered neither a result nor a task."), contract));
    }

    /// <summary>No such tool.</summary>
    public static AdcpErrorException Unknown(string tool) => new(AdcpError.InvalidRequest($"No tool is named '{tool}'.", "name"));
}
