using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Platform;

/// <summary>Helpers for generated dispatch. Do not call them in your own code.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class PlatformDispatch
{
    /// <summary>Returns a type's contract from a context.</summary>
    /// <exception cref="InvalidOperationException">The context has no such type.</exception>
    public static JsonTypeInfo<T> Contract<T>(JsonSerializerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.GetTypeInfo(typeof(T)) as JsonTypeInfo<T>
            ?? throw new InvalidOperationException(
                $"{context.GetType().Name} has no contract of {typeof(T).Name}: add [JsonSerializable(typeof({typeof(T).Name}))] to it.");
    }

    /// <summary>The JSON schema of a tool that reads no arguments of its own.</summary>
    public static JsonElement AnyInput => InputSchemas.Any;

    /// <summary>Returns the JSON schema of a tool's arguments.</summary>
    public static JsonElement InputSchema<T>(JsonTypeInfo<T> contract) =>
        InputSchemas.Of(contract ?? throw new ArgumentNullException(nameof(contract)));

    /// <summary>Reads a tool's arguments, and checks them by the validation attributes of their properties.</summary>
    /// <exception cref="AdcpErrorException">They do not fit the type: <c>INVALID_REQUEST</c>.</exception>
    public static T Arguments<T>(JsonElement arguments, JsonTypeInfo<T> contract)
    {
        try
        {
            T read = arguments.Deserialize(contract) ?? throw new JsonException();
            ArgumentRules.Check(read, contract);
            return read;
        }
        catch (JsonException fault)
        {
            // The path consists of the caller's own names. The serializer's message may show values.
            throw new AdcpErrorException(AdcpError.InvalidRequest("The arguments do not match the tool's schema.",
                fault.Path?.TrimStart('$', '.') is { Length: > 0 } path ? path : null));
        }
    }

    /// <summary>Converts a tool's result to a reply.</summary>
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
                ?? throw new InvalidOperationException("The tool returned neither a result nor a task."), contract));
    }

    /// <summary>Creates the error of an unknown tool.</summary>
    public static AdcpErrorException Unknown(string tool) => new(AdcpError.InvalidRequest($"No tool is named '{tool}'.", "name"));
}
