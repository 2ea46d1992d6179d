using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// Serves <c>get_task_status</c> and <c>list_tasks</c> beside the tools of a seller that hands calls off, so that a buyer can poll a task
/// that was <c>submitted</c>. A tool of the seller's own by one of the names wins. A caller sees the tasks of its tenant and of the
/// account that it names; any other task is answered as if it did not exist.
/// </summary>
internal sealed class TaskTools : IAdcpPlatform
{
    private const string Status = "get_task_status";
    private const string List = "list_tasks";

    private readonly IAdcpPlatform _seller;
    private readonly PlatformOptions _options;
    private readonly TenantBudget _lists;
    private readonly HashSet<string> _own = new(StringComparer.Ordinal);

    internal TaskTools(IAdcpPlatform seller, PlatformOptions options, TenantBudget lists)
    {
        _seller = seller;
        _options = options;
        _lists = lists;
        List<ToolDescription> tools = [.. seller.Tools];
        if (tools.Exists(tool => tool.CanHandOff && tool.IsEligible(options.Version, out _)))
        {
            Add(new ToolDescription(Status, "The status of a task, and its result when it has ended.")
            { CanHandOff = false, InputSchema = InputSchemas.TaskStatus });
            Add(new ToolDescription(List, "The caller's tasks.") { CanHandOff = false, InputSchema = InputSchemas.ListTasks });
        }

        Tools = tools;

        void Add(ToolDescription tool)
        {
            if (!tools.Exists(other => other.Name == tool.Name))
            {
                tools.Add(tool);
                _own.Add(tool.Name);
            }
        }
    }

    /// <summary>Gets the seller's tools and these.</summary>
    public IReadOnlyList<ToolDescription> Tools { get; }

    /// <summary>Returns the present name of a tool that AdCP has renamed.</summary>
    internal static string NameOf(string tool) => tool switch
    {
        "tasks/get" => Status,
        "tasks/list" => List,
        _ => tool,
    };

    /// <inheritdoc/>
    public void CheckArguments(string tool, JsonElement arguments)
    {
        if (!_own.Contains(tool))
        {
            _seller.CheckArguments(tool, arguments);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ToolReply> InvokeAsync(string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken) =>
        !_own.Contains(tool) ? _seller.InvokeAsync(tool, arguments, call, cancellationToken)
        : tool == Status ? StatusAsync(arguments, call.Tenant, cancellationToken)
        : ListAsync(arguments, call.Tenant, cancellationToken);

    private async ValueTask<ToolReply> StatusAsync(JsonElement arguments, string tenant, CancellationToken cancellationToken)
    {
        string id = Argument.Text(arguments, "task_id", "")
            ?? throw Argument.Broken("Required: the id of the task.", "task_id");
        bool withResult = Argument.Flag(arguments, "include_result", "") ?? false;
        SellerTask? task = TaskFacts.IsTaskId(id)
            ? await _options.Tasks.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false)
            : null;
        if (task is null || !TaskAccount.Sees(TaskAccount.Of(arguments), task.Account))
        {
            throw new AdcpErrorException(new AdcpError("REFERENCE_NOT_FOUND", "The caller has no such task.", "task_id"));
        }

        TaskRow row = TaskRow.Of(task, _options.TimeProvider);
        return ToolReply.Completed(WireObject.Of(json =>
        {
            row.Write(json, "protocol", TaskProtocols.Of(row.Type).ToWire());
            ReadOnlyMemory<byte> result =
                row.Status.IsTerminal() && !task.Result.IsEmpty ? WireObject.Outgoing(task.Result, task.Context) : default;
            if (row.Status == AdcpTaskStatus.Failed)
            {
                WriteError(json, result);
            }

            if (withResult && !result.IsEmpty)
            {
                json.WritePropertyName("result"u8);
                json.WriteRawValue(result.Span, skipInputValidation: true);
            }
        }, 512 + task.Result.Length));
    }

    /// <summary>Writes the first error of a failed task's result.</summary>
    private static void WriteError(Utf8JsonWriter json, ReadOnlyMemory<byte> result)
    {
        if (result.IsEmpty)
        {
            return;
        }

        using JsonDocument document = JsonDocument.Parse(result);
        JsonElement root = document.RootElement;
        JsonElement error = root.TryGetProperty("adcp_error"u8, out JsonElement fatal) ? fatal
            : root.TryGetProperty("errors"u8, out JsonElement errors)
                && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 0
            ? errors[0]
            : default;
        if (error.ValueKind == JsonValueKind.Object && error.TryGetProperty("code"u8, out _) && error.TryGetProperty("message"u8, out _))
        {
            json.WritePropertyName("error"u8);
            error.WriteTo(json);
        }
    }

    private async ValueTask<ToolReply> ListAsync(JsonElement arguments, string tenant, CancellationToken cancellationToken)
    {
        TaskListing listing = TaskListing.Read(arguments);
        if (!_lists.TryTake(tenant))
        {
            throw PlatformLimits.Reached(_options, tenant, nameof(PlatformLimits.MaxListsPerTenant), TimeSpan.FromSeconds(1));
        }

        try
        {
            List<TaskRow> rows = await listing.ReadAsync(_options.Tasks, tenant, _options.TimeProvider, cancellationToken)
                .ConfigureAwait(false);
            return ToolReply.Completed(WireObject.Of(json => listing.Write(json, rows), 1024));
        }
        finally
        {
            _lists.Return(tenant);
        }
    }
}
