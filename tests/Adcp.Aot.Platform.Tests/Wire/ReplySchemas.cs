using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Tests;
using Adcp.Aot.Tests.Payloads;

namespace Adcp.Aot.Platform.Tests.Wire;

/// <summary>Checks replies against the schemas of their own generation.</summary>
internal static class ReplySchemas
{
    /// <summary>Codes that a generation may not register. AdCP lets a seller use them: their recovery says how to handle them.</summary>
    private static readonly HashSet<string> Unregistered = ["INTERNAL_ERROR", "COMMITTED_RESOURCE_PURGED"];

    private static readonly Lazy<JsonNode> Parts = new(() => JsonNode.Parse(
        SharedFiles.Read("schemas/versions/3.2.3-partial/protocol/get-adcp-capabilities-response.webhook-parts.json")
            .RootElement.GetRawText())!);

    /// <summary>Checks a reply.</summary>
    /// <param name="version">The generation.</param>
    /// <param name="tool">The tool that was called.</param>
    /// <param name="reply">The reply.</param>
    /// <param name="context">The context of the request; <c>null</c> if it had none that is an object.</param>
    /// <returns>The code of its error; <c>null</c> for none.</returns>
    public static string? Check(AdcpVersion version, string tool, JsonElement reply, JsonNode? context)
    {
        string text = reply.GetRawText();

        // The schema of 3.0 groups the members of the task in "payload". By its notes, MCP and A2A write them beside the envelope's.
        AdcpSchemas.Validates(AdcpSchemas.IdOf(version, "protocol-envelope.json"),
            version == AdcpVersion.V30 ? text[..^1] + ",\"payload\":{}}" : text);
        if (AdcpSchemas.FilesOf(version).Contains("version-envelope.json"))
        {
            AdcpSchemas.Validates(AdcpSchemas.IdOf(version, "version-envelope.json"), text);
        }

        Assert.Equal(version switch { AdcpVersion.V30 => "3.0", AdcpVersion.V31 => "3.1", _ => "3.2" },
            reply.GetProperty("adcp_version").GetString());
        JsonNode? echoed = reply.TryGetProperty("context", out JsonElement given) ? JsonNode.Parse(given.GetRawText()) : null;
        Assert.True(JsonNode.DeepEquals(context, echoed), $"{text} does not return the context {context?.ToJsonString()}");
        if (reply.TryGetProperty("adcp_error", out JsonElement error))
        {
            Assert.Equal("failed", reply.GetProperty("status").GetString());
            Assert.True(JsonElement.DeepEquals(error, Assert.Single(reply.GetProperty("errors").EnumerateArray())));
            CheckError(version, error);
            return error.GetProperty("code").GetString();
        }

        Assert.False(reply.TryGetProperty("errors", out _), text);
        if (IdOf(version, tool) is { } id && reply.GetProperty("status").GetString() is not ("submitted" or "working")
            | tool is "get_task_status" or "list_tasks")
        {
            AdcpSchemas.Validates(id, text);
        }

        if (tool == "get_adcp_capabilities" && version == AdcpVersion.V32)
        {
            CheckPart(reply.GetProperty("adcp"), "idempotency", "adcp.idempotency");
            if (reply.TryGetProperty("webhook_signing", out _))
            {
                CheckPart(reply, "webhook_signing", "webhook_signing");
            }
        }

        return null;
    }

    /// <summary>Checks an error of a reply, or of a transport.</summary>
    public static void CheckError(AdcpVersion version, JsonElement error)
    {
        string code = error.GetProperty("code").GetString()!;
        AdcpSchemas.Validates(AdcpSchemas.IdOf(version, "error.json"), error.GetRawText());
        Dictionary<string, string?> codes = CodesOf(version);
        Assert.True(codes.ContainsKey(code) || Unregistered.Contains(code), $"{code} is no code of {version}.");

        string? recovery = error.TryGetProperty("recovery", out JsonElement stated) ? stated.GetString() : null;
        Assert.True(recovery is not null || (version == AdcpVersion.V30 && code == "IDEMPOTENCY_CONFLICT"), $"{code} has no recovery.");
        if (recovery is not null && codes.GetValueOrDefault(code) is { } registered)
        {
            Assert.Equal((code, registered), (code, recovery));
        }

        if (error.TryGetProperty("retry_after", out JsonElement wait))
        {
            Assert.InRange(wait.GetInt32(), 1, 3_600);
        }

        string details = code.ToLowerInvariant().Replace('_', '-') + ".json";
        if (error.TryGetProperty("details", out JsonElement facts) && AdcpSchemas.FilesOf(version).Contains(details))
        {
            AdcpSchemas.Validates(AdcpSchemas.IdOf(version, details), facts.GetRawText());
        }
    }

    /// <summary>Checks the webhook of a task.</summary>
    public static void CheckWebhook(AdcpVersion version, JsonElement webhook) =>
        AdcpSchemas.Validates(AdcpSchemas.Envelope(version), webhook.GetRawText());

    /// <summary>The id of the schema of a tool's result; <c>null</c> if it is not there, so that any result is accepted.</summary>
    public static string? IdOf(AdcpVersion version, string tool)
    {
        string file = (version, tool) switch
        {
            (AdcpVersion.V30, "get_task_status") => "tasks-get-response.json",
            (AdcpVersion.V30, "list_tasks") => "tasks-list-response.json",
            _ => tool.Replace('_', '-') + "-response.json",
        };
        return AdcpSchemas.FilesOf(version).Contains(file) ? AdcpSchemas.IdOf(version, file) : null;
    }

    /// <summary>The codes of a generation, each with its recovery if it is known.</summary>
    private static Dictionary<string, string?> CodesOf(AdcpVersion version)
    {
        using JsonDocument file =
            SharedFiles.Read($"schemas/versions/{(version == AdcpVersion.V30 ? "3.0.26" : "3.1.24")}/enums/error-code.json");
        Dictionary<string, string?> codes = file.RootElement.GetProperty("enumMetadata").EnumerateObject()
            .Where(code => code.Value.ValueKind == JsonValueKind.Object)
            .ToDictionary(code => code.Name, code => code.Value.GetProperty("recovery").GetString());
        if (version < AdcpVersion.V32)
        {
            return codes;
        }

        // Only the changes of 3.2 are there.
        using JsonDocument newer = SharedFiles.Read("schemas/versions/3.2.3-partial/enums/error-code.diff.json");
        JsonElement added = newer.RootElement.GetProperty("added_vs_3.2.0-beta.5");
        return newer.RootElement.GetProperty("enum").EnumerateArray().Select(code => code.GetString()!).ToDictionary(
            code => code,
            code => added.TryGetProperty(code, out JsonElement recovery) ? recovery.GetString() : codes.GetValueOrDefault(code));
    }

    /// <summary>Checks a member against the part of a schema that is not there as a whole.</summary>
    private static void CheckPart(JsonElement parent, string member, string part) =>
        AdcpSchemas.ValidatesPart(Parts.Value[part]!, parent.GetProperty(member).GetRawText());
}
