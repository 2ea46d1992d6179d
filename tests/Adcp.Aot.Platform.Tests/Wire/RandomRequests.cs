using System.Text.Json.Nodes;

namespace Adcp.Aot.Platform.Tests.Wire;

/// <summary>Writes valid requests, and requests of which one or two members are not, from a seed.</summary>
internal sealed class RandomRequests(int seed)
{
    private static readonly string[] Statuses =
        ["submitted", "working", "input-required", "completed", "canceled", "failed", "rejected", "auth-required", "unknown", "done"];

    private readonly Random _random = new(seed);

    /// <summary>Gets the ids of tasks that requests may ask for. The first is no task.</summary>
    public List<string> Tasks { get; } = ["task_none"];

    public T Pick<T>(params IReadOnlyList<T> all) => all[_random.Next(all.Count)];

    /// <summary>Returns whether something with a probability happens.</summary>
    public bool Happens(double probability) => _random.NextDouble() < probability;

    /// <summary>Completes the arguments of a tool by the members of each request, and breaks some.</summary>
    public JsonObject Next(string tool, JsonObject arguments)
    {
        switch (tool)
        {
            case "get_task_status":
                arguments["task_id"] = Happens(0.2) ? Tasks[0] : RecentTask();
                arguments["include_result"] = Happens(0.5);
                break;
            case "list_tasks":
                List(arguments);
                break;
            default:
                break;
        }

        arguments["idempotency_key"] = new Guid(Bytes()).ToString();
        if (Happens(0.6))
        {
            arguments["context"] = new JsonObject { ["k"] = Value(3), ["é\"\\"] = "\n\u2028" };
        }

        if (Happens(0.2))
        {
            arguments["adcp_version"] = Pick(
                "3.0", "3.1", "3.2", "3.2", "3.9", "4.0", "3", "3.2-beta", "3.2.1", "2.5", "99999999999999999999.1");
        }

        if (Happens(0.1))
        {
            arguments["adcp_major_version"] = Pick<JsonNode>(3, 4, 0, -1, 3.5, 1e20, "3").DeepClone();
        }

        if (Happens(0.2))
        {
            arguments["account"] = new JsonObject { ["account_id"] = Pick("a1", "a2") };
        }

        for (int i = Happens(0.3) ? Pick(1, 2) : 0; i > 0; i--)
        {
            Break(arguments);
        }

        return arguments;
    }

    /// <summary>Returns one of the last tasks.</summary>
    public string RecentTask() => Pick(Tasks.TakeLast(4).ToArray());

    /// <summary>Returns any JSON value.</summary>
    public JsonNode? Value(int depth) => _random.Next(depth > 0 ? 11 : 8) switch
    {
        0 => null,
        1 => true,
        2 => _random.Next(-100, 100),
        3 => 0.5,
        4 => "",
        5 => "x",
        6 => new string('y', 300),
        7 => 9007199254740991L,
        8 => new JsonArray(Value(depth - 1), Value(depth - 1)),
        9 => new JsonObject(),
        _ => new JsonObject { ["a"] = Value(depth - 1), ["b"] = Value(depth - 1) },
    };

    private byte[] Bytes()
    {
        byte[] bytes = new byte[16];
        _random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Replaces or removes a member, or one within it.</summary>
    private void Break(JsonNode node)
    {
        if (node is JsonArray { Count: > 0 } items)
        {
            int place = _random.Next(items.Count);
            if (items[place] is JsonObject or JsonArray && Happens(0.7))
            {
                Break(items[place]!);
            }
            else
            {
                items[place] = Value(2);
            }
        }
        else if (node is JsonObject { Count: > 0 } members)
        {
            string name = Pick(members.Select(member => member.Key).ToArray());
            if (members[name] is JsonObject or JsonArray && Happens(0.7))
            {
                Break(members[name]!);
            }
            else if (Happens(0.2))
            {
                members.Remove(name);
            }
            else
            {
                members[name] = Value(2);
            }
        }
    }

    private void List(JsonObject arguments)
    {
        JsonObject filters = [];
        Sometimes(filters, "status", () => Pick(Statuses));
        Sometimes(filters, "statuses", () => new JsonArray(Pick(Statuses), Pick(Statuses)));
        Sometimes(filters, "protocol", () => Pick("media-buy", "signals", "creative", "brand", "x"));
        Sometimes(filters, "task_type", () => Pick("create_media_buy", "get_products", "x"));
        Sometimes(filters, "task_ids", () => new JsonArray(Pick(Tasks), Pick(Tasks)));
        Sometimes(filters, "created_after", () => "2026-11-24T00:00:00Z");
        Sometimes(filters, "updated_before", () => "2036-11-24T00:00:00+01:00");
        Sometimes(filters, "context_contains", () => "k");
        Sometimes(filters, "has_webhook", () => Happens(0.5));
        Sometimes(arguments, "filters", () => filters);
        Sometimes(arguments, "sort", () => new JsonObject
        {
            ["field"] = Pick("created_at", "updated_at", "status", "task_type", "protocol"),
            ["direction"] = Pick("asc", "desc"),
        });
        Sometimes(arguments, "pagination", () => new JsonObject { ["max_results"] = Pick(1, 2, 100, 0, 101) });

        void Sometimes(JsonObject parent, string name, Func<JsonNode> value)
        {
            if (Happens(parent == arguments ? 0.6 : 0.15))
            {
                parent[name] = value();
            }
        }
    }
}
