using System.Buffers;
using System.Text;
using System.Text.Json;
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
    private const string Host = "https://adcontextprotocol.org";

    private static readonly Lazy<Dictionary<string, JsonSchema>> Schemas = new(Load);

    /// <summary>The schemas that each schema refers to, and whether they are there.</summary>
    private static readonly Dictionary<string, HashSet<(string Id, bool IsThere)>> References = new(StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Files = new(StringComparer.Ordinal);

    private static readonly EvaluationOptions Strictly = new() { RequireFormatValidation = true, OutputFormat = OutputFormat.List };

    public static void Validates(string id, string body) => Validates(id, Schemas.Value[id], body);

    /// <summary>Validates by a part of a schema, which is in no file of its own.</summary>
    public static void ValidatesPart(JsonNode part, string body) => Validates("part", JsonSchema.FromText(part.ToJsonString()), body);

    private static void Validates(string id, JsonSchema schema, string body)
    {
        EvaluationResults results = schema.Evaluate(JsonNode.Parse(body), Strictly);
        if (!results.IsValid)
        {
            string errors = string.Join("; ", results.Details.Where(detail => detail.Errors is not null)
                .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation} {detail.EvaluationPath} {error.Value}")));
            Assert.Fail($"{id} refuses {body}: {errors}");
        }
    }

    /// <summary>Reads a schema as it stands in its file.</summary>
    public static JsonDocument Read(string id) => JsonDocument.Parse(File.ReadAllText(Files[id]));

    public static bool Accepts(string id, string body) => Schemas.Value[id].Evaluate(JsonNode.Parse(body), Strictly).IsValid;

    public static string Envelope(AdcpVersion version) => IdOf(version, "mcp-webhook-payload.json");

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

    /// <summary>Returns the schemas behind a schema that are not there. They accept anything.</summary>
    public static IEnumerable<string> MissingBehind(string id)
    {
        Assert.Contains(id, Schemas.Value.Keys);
        HashSet<string> seen = [id];
        Queue<string> left = new([id]);
        while (left.TryDequeue(out string? next))
        {
            foreach ((string reference, bool isThere) in References[next])
            {
                if (!isThere)
                {
                    yield return reference;
                }
                else if (seen.Add(reference))
                {
                    left.Enqueue(reference);
                }
            }
        }
    }

    /// <summary>The file names of a generation's schemas.</summary>
    public static HashSet<string> FilesOf(AdcpVersion version) =>
        [.. Schemas.Value.Keys.Where(id => Releases(version).Any(release => IsOf(id, release))).Select(id => Path.GetFileName(id))];

    /// <summary>The id of a generation's schema, of its newest release that has the file.</summary>
    public static string IdOf(AdcpVersion version, string file) => Releases(version)
        .Select(release => Schemas.Value.Keys.SingleOrDefault(id => IsOf(id, release) && Path.GetFileName(id) == file))
        .First(static id => id is not null)!;

    /// <summary>The releases of a generation, the newest first.</summary>
    private static string[] Releases(AdcpVersion version) => version switch
    {
        AdcpVersion.V30 => ["3.0.26"],
        AdcpVersion.V31 => ["3.1.24", "3.1.19"],
        _ => ["3.2.3"],
    };

    private static bool IsOf(string id, string release) => id.StartsWith($"/schemas/{release}/", StringComparison.Ordinal);

    private static Dictionary<string, JsonSchema> Load()
    {
        Dictionary<string, JsonObject> texts = [];
        foreach (string path in SharedFiles.ListAll("schemas"))
        {
            JsonObject schema = JsonNode.Parse(File.ReadAllText(path))!.AsObject();

            // A file that stands twice has one id, and parts of a file have no id of their own.
            if (schema["$id"] is JsonValue id)
            {
                if (texts.TryAdd(IdOf(id.GetValue<string>()), schema))
                {
                    Files.Add(IdOf(id.GetValue<string>()), path);
                }
            }
        }

        Dictionary<string, JsonSchema> schemas = [];
        foreach ((string id, JsonObject schema) in texts)
        {
            References[id] = [];
            Loosen(schema, texts, References[id]);
            schema.Remove("examples");

            // The draft resolves a relative id against a base; ours is one that nothing can be fetched from.
            schema["$id"] = "https://schemas.invalid" + id;
            schemas.Add(id, JsonSchema.FromText(schema.ToJsonString()));
            SchemaRegistry.Global.Register(schemas[id]);
        }

        return schemas;
    }

    /// <summary>The id without the host that some releases write.</summary>
    private static string IdOf(string id) => id.StartsWith(Host, StringComparison.Ordinal) ? id[Host.Length..] : id;

    private static void Loosen(JsonNode? node, Dictionary<string, JsonObject> known, HashSet<(string Id, bool IsThere)> references)
    {
        if (node is JsonObject members)
        {
            if (members["$ref"] is JsonValue reference && IdOf(reference.GetValue<string>()) is var id && id.StartsWith('/'))
            {
                // The older release of 3.1 has files that the newer one lacks.
                string file = id.Split('#')[0];
                string older = file.Replace("/3.1.24/", "/3.1.19/", StringComparison.Ordinal);
                if (known.ContainsKey(file))
                {
                    members["$ref"] = id;
                    references.Add((file, true));
                }
                else if (known.ContainsKey(older))
                {
                    members["$ref"] = older + id[file.Length..];
                    references.Add((older, true));
                }
                else
                {
                    members.Remove("$ref");
                    references.Add((file, false));
                }
            }

            foreach ((string _, JsonNode? member) in members.ToArray())
            {
                Loosen(member, known, references);
            }
        }
        else if (node is JsonArray items)
        {
            foreach (JsonNode? item in items)
            {
                Loosen(item, known, references);
            }
        }
    }
}
