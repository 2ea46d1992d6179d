using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Adcp.Aot.Payloads;
using Json.Schema;

namespace Adcp.Aot.Tests.Payloads;

/// <summary>
/// AdCP's JSON schemas, by their own ids and with formats checked. A <c>$ref</c> to a schema that is not among the
/// shared files accepts anything; every other one is followed.
/// </summary>
internal static class AdcpSchemas
{
    private static readonly Lazy<Dictionary<string, JsonSchema>> Schemas = new(Load);

    private static readonly EvaluationOptions Strictly = new() { RequireFormatValidation = true, OutputFormat = OutputFormat.List };

    public static void Validates(string id, string body)
    {
        EvaluationResults results = Schemas.Value[id].Evaluate(JsonNode.Parse(body), Strictly);
        if (!results.IsValid)
        {
            string errors = string.Join("; ", results.Details.Where(detail => detail.Errors is not null)
                .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation} {detail.EvaluationPath} {error.Value}")));
            Assert.Fail($"{id} refuses {body}: {errors}");
        }
    }

    public static bool Accepts(string id, string body) => Schemas.Value[id].Evaluate(JsonNode.Parse(body), Strictly).IsValid;

    public static string Envelope(AdcpVersion version) => version switch
    {
        AdcpVersion.V30 => "/schemas/3.0.6/core/mcp-webhook-payload.json",
        AdcpVersion.V31 => "/schemas/3.1.19/core/mcp-webhook-payload.json",
        _ => "/schemas/core/mcp-webhook-payload.json",
    };

    public static string Write(WebhookPayload payload, EnvelopeContext facts)
    {
        ArrayBufferWriter<byte> output = new();
        payload.Write(output, facts);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary><c>null</c> if the generation does not define the payload.</summary>
    public static string? TryWrite(WebhookPayload payload, EnvelopeContext facts)
    {
        try
        {
            return Write(payload, facts);
        }
        catch (WebhookPayloadException fault) when (fault.Code is "not_in_this_version" or "task_type_not_eligible")
        {
            return null;
        }
    }

    /// <summary>The file names of a generation's schemas.</summary>
    public static HashSet<string> FilesOf(AdcpVersion version) =>
        [.. Schemas.Value.Keys.Where(id => IsOf(id, version)).Select(id => Path.GetFileName(id))];

    /// <summary>The id of a generation's schema.</summary>
    public static string IdOf(AdcpVersion version, string file) =>
        Schemas.Value.Keys.Single(id => IsOf(id, version) && Path.GetFileName(id) == file);

    private static bool IsOf(string id, AdcpVersion version) => version switch
    {
        AdcpVersion.V30 => id.StartsWith("/schemas/3.0.6/", StringComparison.Ordinal),
        AdcpVersion.V31 => id.StartsWith("/schemas/3.1.19/", StringComparison.Ordinal),
        _ => !char.IsAsciiDigit(id["/schemas/".Length]),
    };

    private static Dictionary<string, JsonSchema> Load()
    {
        Dictionary<string, JsonObject> texts = [];
        foreach (string path in SharedFiles.ListAll("schemas").Where(path => !IsInFolderOfVersion(path)))
        {
            JsonObject schema = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            texts.Add(schema["$id"]!.GetValue<string>(), schema);
        }

        Dictionary<string, JsonSchema> schemas = [];
        foreach ((string id, JsonObject schema) in texts)
        {
            Loosen(schema, texts);
            schema.Remove("examples");

            // The draft resolves a relative id against a base; ours is one that nothing can be fetched from.
            schema["$id"] = "https://schemas.invalid" + id;
            schemas.Add(id, JsonSchema.FromText(schema.ToJsonString()));
            SchemaRegistry.Global.Register(schemas[id]);
        }

        return schemas;
    }

    /// <summary>
    /// Returns whether a file is <c>versions/VERSION/FOLDER/FILE</c>. Those sets are larger than the part that the
    /// tests cover, and repeat ids of the files directly in <c>versions/VERSION</c>.
    /// </summary>
    private static bool IsInFolderOfVersion(string path) => new FileInfo(path).Directory?.Parent?.Parent?.Name == "versions";

    private static void Loosen(JsonNode? node, Dictionary<string, JsonObject> known)
    {
        if (node is JsonObject members)
        {
            if (members["$ref"] is JsonValue reference && reference.GetValue<string>() is var id && id.StartsWith('/')
                && !known.ContainsKey(id))
            {
                members.Remove("$ref");
            }

            foreach ((string _, JsonNode? member) in members.ToArray())
            {
                Loosen(member, known);
            }
        }
        else if (node is JsonArray items)
        {
            foreach (JsonNode? item in items)
            {
                Loosen(item, known);
            }
        }
    }
}
