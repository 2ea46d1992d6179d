using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>A request of <c>list_tasks</c>: filters, order and page.</summary>
internal sealed class TaskListing
{
    /// <summary>The most tasks that are read for a list. Older ones are not found by it.</summary>
    internal const int MostRead = 10_000;

    private const string Path = "filters.";
    private static readonly string[] SortFields = ["created_at", "updated_at", "status", "task_type", "protocol"];

    private readonly List<Func<SellerTask, TaskRow, bool>> _filters = [];
    private readonly List<string> _applied = [];
    private readonly string[]? _ids;
    private readonly string? _onlyStatus;
    private readonly string _field;
    private readonly bool _isAscending;
    private readonly int _pageSize;
    private readonly (string Key, string TaskId)? _after;

    private TaskListing(JsonElement arguments)
    {
        string? account = TaskAccount.Of(arguments);
        _filters.Add((task, _) => TaskAccount.Sees(account, task.Account));
        JsonElement filters = Argument.Object(arguments, "filters");
        HashSet<string> statuses = Argument.OneOrMore(filters, "status", "statuses", Path);
        _onlyStatus = statuses.Count == 1 ? statuses.Single() : null;
        Filter("protocol", Argument.OneOrMore(filters, "protocol", "protocols", Path), row => TaskProtocols.Of(row.Type).ToWire());
        Filter("status", statuses, row => row.Status.ToWire());
        Filter("task_type", Argument.OneOrMore(filters, "task_type", "task_types", Path), row => row.Type.ToWire());
        Since("created_after", row => row.CreatedAt, isAfter: true);
        Since("created_before", row => row.CreatedAt, isAfter: false);
        Since("updated_after", row => row.UpdatedAt, isAfter: true);
        Since("updated_before", row => row.UpdatedAt, isAfter: false);
        if (Argument.Given(filters, "task_ids") is not null)
        {
            _ids = [.. Argument.Texts(filters, "task_ids", Path).Distinct(StringComparer.Ordinal)];
            _applied.Add("task_ids");
        }

        if (Argument.Text(filters, "context_contains", Path) is { } part)
        {
            _applied.Add("context_contains");
            _filters.Add((task, _) => Encoding.UTF8.GetString(task.Context.Span).Contains(part, StringComparison.Ordinal));
        }

        if (Argument.Flag(filters, "has_webhook", Path) is { } hasWebhook)
        {
            _applied.Add("has_webhook");
            _filters.Add((_, row) => row.HasWebhook == hasWebhook);
        }

        JsonElement sort = Argument.Object(arguments, "sort");
        _field = Argument.Text(sort, "field", "sort.") ?? SortFields[0];
        string direction = Argument.Text(sort, "direction", "sort.") ?? "desc";
        if (!SortFields.Contains(_field))
        {
            throw Argument.Broken($"Must be one of {string.Join(", ", SortFields)}.", "sort.field");
        }

        _isAscending = direction is "asc" or "desc" ? direction == "asc" : throw Argument.Broken("Must be asc or desc.", "sort.direction");
        JsonElement page = Argument.Object(arguments, "pagination");
        _pageSize = Argument.Given(page, "max_results") is not { } size ? 50
            : size.ValueKind == JsonValueKind.Number && size.TryGetInt32(out int most) && most is >= 1 and <= 100 ? most
            : throw Argument.Broken("Must be 1 to 100.", "pagination.max_results");
        _after = Argument.Text(page, "cursor", "pagination.") is { } cursor
            ? Decoded(cursor) ?? throw Argument.Broken("Must be the cursor of an earlier reply.", "pagination.cursor")
            : null;

        void Filter(string name, HashSet<string> allowed, Func<TaskRow, string> value)
        {
            if (allowed.Count > 0)
            {
                _applied.Add(name);
                _filters.Add((_, row) => allowed.Contains(value(row)));
            }
        }

        void Since(string name, Func<TaskRow, DateTimeOffset> value, bool isAfter)
        {
            if (Argument.Time(filters, name, Path) is { } limit)
            {
                _applied.Add(name);
                _filters.Add((_, row) => isAfter ? value(row) > limit : value(row) < limit);
            }
        }
    }

    /// <exception cref="AdcpErrorException">A member breaks its rule: <c>INVALID_REQUEST</c>.</exception>
    internal static TaskListing Read(JsonElement arguments) => new(arguments);

    /// <summary>Reads the tasks that match, in the order asked for.</summary>
    internal async ValueTask<List<TaskRow>> ReadAsync(
        ITaskRegistry tasks, string tenant, TimeProvider time, CancellationToken cancellationToken)
    {
        List<TaskRow> rows = [];
        if (_ids is not null)
        {
            foreach (string id in _ids.Where(TaskFacts.IsTaskId))
            {
                if (await tasks.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) is { } task)
                {
                    Add(task);
                }
            }
        }
        else
        {
            string? token = null;
            int read = 0;
            do
            {
                TaskQuery query = new() { State = _onlyStatus, PageSize = TaskQuery.MaxPageSize, PageToken = token };
                TaskPage<SellerTask> page = await tasks.ListAsync(tenant, query, cancellationToken).ConfigureAwait(false);
                foreach (StoredTask<SellerTask> stored in page.Tasks)
                {
                    Add(stored.Task with { UpdatedAt = stored.UpdatedAt });
                }

                read += page.Tasks.Count;
                token = page.NextPageToken;
            }
            while (token is not null && read < MostRead);
        }

        rows.Sort((a, b) => Compare((Key(a), a.TaskId), (Key(b), b.TaskId)));
        return rows;

        void Add(SellerTask task)
        {
            TaskRow row = TaskRow.Of(task, time);
            if (_filters.TrueForAll(filter => filter(task, row)))
            {
                rows.Add(row);
            }
        }
    }

    /// <summary>Writes the reply: the page of the rows that follows the cursor.</summary>
    internal void Write(Utf8JsonWriter json, List<TaskRow> rows)
    {
        TaskRow[] page = [.. rows.Where(row => _after is not { } after || Compare((Key(row), row.TaskId), after) > 0).Take(_pageSize + 1)];
        bool hasMore = page.Length > _pageSize;
        page = hasMore ? page[..^1] : page;
        json.WriteStartObject("query_summary"u8);
        json.WriteNumber("total_matching"u8, rows.Count);
        json.WriteNumber("returned"u8, page.Length);
        Breakdown("domain_breakdown", rows.GroupBy(row => TaskProtocols.DomainOf(row.Type)));
        Breakdown("status_breakdown", rows.GroupBy(row => row.Status.ToWire()));
        json.WriteStartArray("filters_applied"u8);
        _applied.ForEach(json.WriteStringValue);
        json.WriteEndArray();
        json.WriteStartObject("sort_applied"u8);
        json.WriteString("field"u8, _field);
        json.WriteString("direction"u8, _isAscending ? "asc" : "desc");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartArray("tasks"u8);
        foreach (TaskRow row in page)
        {
            json.WriteStartObject();
            row.Write(json, "domain", TaskProtocols.DomainOf(row.Type));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("pagination"u8);
        json.WriteBoolean("has_more"u8, hasMore);
        if (hasMore)
        {
            json.WriteString("cursor"u8, Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Key(page[^1])}\n{page[^1].TaskId}")));
        }

        json.WriteNumber("total_count"u8, rows.Count);
        json.WriteEndObject();

        void Breakdown(string name, IEnumerable<IGrouping<string, TaskRow>> groups)
        {
            json.WriteStartObject(name);
            foreach (IGrouping<string, TaskRow> group in groups)
            {
                json.WriteNumber(group.Key, group.Count());
            }

            json.WriteEndObject();
        }
    }

    private static (string Key, string TaskId)? Decoded(string cursor)
    {
        byte[] bytes = new byte[cursor.Length];
        if (!Base64Url.IsValid(cursor) || !Base64Url.TryDecodeFromChars(cursor, bytes, out int length))
        {
            return null;
        }

        return Encoding.UTF8.GetString(bytes, 0, length).Split('\n', 2) is [{ } key, { } id] ? (key, id) : null;
    }

    private int Compare((string Key, string TaskId) a, (string Key, string TaskId) b)
    {
        int order = string.CompareOrdinal(a.Key, b.Key);
        order = order != 0 ? order : string.CompareOrdinal(a.TaskId, b.TaskId);
        return _isAscending ? order : -order;
    }

    private string Key(TaskRow row) => _field switch
    {
        "created_at" => TaskRow.Text(row.CreatedAt),
        "updated_at" => TaskRow.Text(row.UpdatedAt),
        "status" => row.Status.ToWire(),
        "task_type" => row.Type.ToWire(),
        _ => TaskProtocols.Of(row.Type).ToWire(),
    };
}
