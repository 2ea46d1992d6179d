using System.Runtime.InteropServices;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// The call of a skill in an A2A message. A message with anything else that could be the call is refused, so that nothing is guessed.
/// </summary>
internal sealed record A2AInvocation(string Skill, JsonElement Input, string ContextId)
{
    private const int MaxParts = 16;

    /// <exception cref="RpcFault">The message is no call by the profile.</exception>
    internal static A2AInvocation Read(JsonElement message)
    {
        if (A2AMethods.Text(message, "messageId") is not { Length: > 0 })
        {
            throw RpcFault.Params("A message has a messageId.");
        }

        JsonElement data = DataOf(A2AMethods.Member(message, "parts"));
        if (data.ValueKind != JsonValueKind.Object || data.EnumerateObject().Count() != 2
            || A2AMethods.Text(data, "skill") is not { Length: > 0 } skill
            || A2AMethods.Member(data, "input") is not { ValueKind: JsonValueKind.Object } input)
        {
            throw RpcFault.Params("The data of the message is an object of exactly 'skill', the id of a skill, and 'input', an object.");
        }

        if (!SafeNumbers.Are(JsonMarshal.GetRawUtf8Value(input)))
        {
            throw RpcFault.Params("An integer beyond 9007199254740991 or below -9007199254740991 is written as a string.");
        }

        return new A2AInvocation(skill, input, ContextOf(message));
    }

    private static JsonElement DataOf(JsonElement parts)
    {
        if (parts.ValueKind != JsonValueKind.Array || parts.GetArrayLength() > MaxParts)
        {
            throw RpcFault.Params($"A message has 1 to {MaxParts} parts.");
        }

        JsonElement data = default;
        foreach (JsonElement part in parts.EnumerateArray())
        {
            bool isText = A2AMethods.Member(part, "text").ValueKind == JsonValueKind.String;
            bool isData = A2AMethods.Member(part, "data").ValueKind != JsonValueKind.Undefined;
            bool isFile = A2AMethods.Member(part, "url").ValueKind != JsonValueKind.Undefined
                || A2AMethods.Member(part, "raw").ValueKind != JsonValueKind.Undefined
                || A2AMethods.Member(part, "file").ValueKind != JsonValueKind.Undefined;
            if (isFile || isText == isData)
            {
                throw RpcFault.Params("A part is either text, which is for people only, or data. Files are named in the input.");
            }

            if (isData && data.ValueKind != JsonValueKind.Undefined)
            {
                throw RpcFault.Params("A message has exactly one data part.");
            }

            data = isData ? A2AMethods.Member(part, "data") : data;
        }

        return data.ValueKind != JsonValueKind.Undefined ? data : throw RpcFault.Params("A message has exactly one data part.");
    }

    /// <summary>A conversation's id is the client's if it names one. It selects nothing here.</summary>
    private static string ContextOf(JsonElement message)
    {
        JsonElement given = A2AMethods.Member(message, "contextId");
        return given.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null ? Created()
            : given.ValueKind == JsonValueKind.String && given.GetString() is { } id && (id.Length == 0 || TaskFacts.IsTaskId(id))
            ? id.Length == 0 ? Created() : id
            : throw RpcFault.Params($"A contextId has 1 to {TaskFacts.MaxIdBytes} bytes and no control characters.");

        static string Created() => "ctx_" + Guid.NewGuid().ToString("N");
    }
}
