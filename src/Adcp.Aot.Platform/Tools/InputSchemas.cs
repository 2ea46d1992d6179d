using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Platform;

/// <summary>
/// Writes JSON schemas of tools' arguments. Each schema also has the members that AdCP admits in every request, because clients leave out
/// members that a schema does not list.
/// </summary>
internal static class InputSchemas
{
    private const string EnvelopeText =
        """
        {
          "adcp_version": {"type": "string", "description": "The AdCP release of the request, such as 3.2."},
          "adcp_major_version": {"type": "integer", "description": "Replaced by adcp_version."},
          "idempotency_key": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{16,255}$", "description": "Makes a retry safe."},
          "account": {"type": "object", "description": "The account to bill."},
          "push_notification_config": {"type": "object", "description": "The webhook for the task of the call, if it is handed off."},
          "context": {"type": "object", "description": "Returned as it is in every reply and webhook of the call."},
          "ext": {"type": "object"}
        }
        """;

    /// <summary>The schema of a tool that reads no arguments of its own.</summary>
    internal static JsonElement Any { get; } = Completed(new JsonObject());

    /// <summary>The schema of <c>get_task_status</c>.</summary>
    internal static JsonElement TaskStatus { get; } = Completed(JsonNode.Parse(
        """
        {
          "properties": {
            "task_id": {"type": "string"},
            "include_result": {"type": "boolean", "default": false},
            "include_history": {"type": "boolean", "default": false}
          },
          "required": ["task_id"]
        }
        """)!.AsObject());

    /// <summary>The schema of <c>list_tasks</c>.</summary>
    internal static JsonElement ListTasks { get; } = Completed(JsonNode.Parse(
        """
        {
          "properties": {
            "filters": {"type": "object"},
            "sort": {
              "type": "object",
              "properties": {
                "field": {"enum": ["created_at", "updated_at", "status", "task_type", "protocol"]},
                "direction": {"enum": ["asc", "desc"]}
              }
            },
            "pagination": {
              "type": "object",
              "properties": {"max_results": {"type": "integer", "minimum": 1, "maximum": 100}, "cursor": {"type": "string"}}
            },
            "include_history": {"type": "boolean", "default": false}
          }
        }
        """)!.AsObject());

    /// <summary>Returns the schema of a contract.</summary>
    internal static JsonElement Of<T>(JsonTypeInfo<T> contract)
    {
        JsonSchemaExporterOptions options = new() { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Constrained };
        return Completed(contract.GetJsonSchemaAsNode(options) as JsonObject ?? new JsonObject());
    }

    private static JsonElement Completed(JsonObject schema)
    {
        schema["type"] = "object";
        JsonObject properties = schema["properties"] as JsonObject ?? new JsonObject();
        schema["properties"] = properties;
        foreach ((string name, JsonNode? envelope) in JsonNode.Parse(EnvelopeText)!.AsObject())
        {
            if (!properties.ContainsKey(name))
            {
                properties[name] = envelope!.DeepClone();
            }
        }

        return JsonElement.Parse(schema.ToJsonString());
    }

    /// <summary>Adds the rules of a property's validation attributes, which <see cref="ArgumentRules"/> enforces.</summary>
    private static JsonNode Constrained(JsonSchemaExporterContext context, JsonNode node)
    {
        if (node is JsonObject parent && context.TypeInfo.Kind == JsonTypeInfoKind.Object && parent["properties"] is JsonObject)
        {
            JsonNode?[] required = [.. context.TypeInfo.Properties
                .Where(property => ArgumentRules.Of(property).Any(rule => rule is RequiredAttribute))
                .Select(property => (JsonNode)property.Name)];
            if (required.Length > 0)
            {
                JsonArray all = parent["required"] as JsonArray ?? [];
                foreach (JsonNode? name in required.Where(name => !all.Any(known => JsonNode.DeepEquals(known, name))))
                {
                    all.Add(name);
                }

                parent["required"] = all;
            }
        }

        if (context.PropertyInfo is not { } info || node is not JsonObject schema)
        {
            return node;
        }

        foreach (ValidationAttribute rule in ArgumentRules.Of(info))
        {
            switch (rule)
            {
                case RangeAttribute { Minimum: IConvertible least, Maximum: IConvertible most }:
                    schema["minimum"] = Convert.ToDouble(least, null);
                    if (Convert.ToDouble(most, null) is < double.MaxValue and var bound)
                    {
                        schema["maximum"] = bound;
                    }

                    break;
                case StringLengthAttribute length:
                    schema["minLength"] = length.MinimumLength;
                    schema["maxLength"] = length.MaximumLength;
                    break;
                case RegularExpressionAttribute pattern:
                    schema["pattern"] = pattern.Pattern;
                    break;
                default:
                    break;
            }
        }

        return schema;
    }
}
