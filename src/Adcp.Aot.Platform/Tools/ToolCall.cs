namespace Adcp.Aot.Platform;

/// <summary>One call of a tool: who calls, what is registered with it, and the way to answer later.</summary>
public sealed class ToolCall
{
    private readonly PlatformHandler _handler;
    private readonly ToolDescription _tool;

    internal ToolCall(
        PlatformHandler handler, ToolDescription tool, string tenant, PushRegistration? registration,
        PushRegistration? a2aRegistration, ReadOnlyMemory<byte> context, string? idempotencyKey)
    {
        _handler = handler;
        _tool = tool;
        Tenant = tenant;
        Registration = registration;
        A2ARegistration = a2aRegistration;
        Context = context;
        IdempotencyKey = idempotencyKey;
    }

    /// <summary>The authenticated caller, which owns the tasks of its calls.</summary>
    public string Tenant { get; }

    /// <summary>The call's <c>push_notification_config</c>; null for none.</summary>
    public PushRegistration? Registration { get; }

    /// <summary>What the caller registered on A2A's own channel; null for none.</summary>
    public PushRegistration? A2ARegistration { get; }

    /// <summary>The call's <c>context</c>, a UTF-8 JSON object; empty for none.</summary>
    public ReadOnlyMemory<byte> Context { get; }

    /// <summary>
    /// The call's <c>idempotency_key</c>; null for none. A process that dies after the tool has done its work and
    /// before the answer is kept performs the request again: a tool whose work must not be done twice keeps the key
    /// with that work, or derives from it the key of a system it calls. It is a capability: never log it or send it on.
    /// </summary>
    public string? IdempotencyKey { get; }

    internal HandedOff? Task { get; private set; }

    /// <summary>
    /// Hands the call off to a new task. Return what this returns; finish the task by
    /// <see cref="PlatformHandler.Tasks"/>, from now on.
    /// </summary>
    /// <param name="status"><see cref="AdcpTaskStatus.Submitted"/> or <see cref="AdcpTaskStatus.Working"/>.</param>
    /// <param name="message">Words for people; null for none.</param>
    /// <param name="taskId">A handle of the seller's own; null for a new one.</param>
    /// <param name="cancellationToken">Ends the registration of the task.</param>
    /// <exception cref="InvalidOperationException">The call was handed off already, or no task webhook may report on
    /// the tool in the generation spoken.</exception>
    /// <exception cref="ArgumentException">
    /// A status that is not a hand-off, or a handle that is in use, blank or no task id
    /// (<see cref="Storage.TaskFacts.IsTaskId"/>).
    /// </exception>
    /// <exception cref="AdcpErrorException">
    /// The tenant has as many open tasks as it may: <c>RATE_LIMITED</c>. Let it pass; it answers the call.
    /// </exception>
    public async ValueTask<HandedOff> HandOffAsync(
        AdcpTaskStatus status = AdcpTaskStatus.Submitted, string? message = null, string? taskId = null,
        CancellationToken cancellationToken = default)
    {
        if (status is not (AdcpTaskStatus.Submitted or AdcpTaskStatus.Working))
        {
            throw new ArgumentException("A call is handed off as submitted or working.", nameof(status));
        }

        if (Task is not null)
        {
            throw new InvalidOperationException("A call is handed off once.");
        }

        if (!_tool.IsEligible(_handler.Options.Version, out TaskType type))
        {
            throw new InvalidOperationException($"'{_tool.Name}' is not a task type of the AdCP version spoken and cannot be handed off.");
        }

        string id = taskId ?? "task_" + Guid.NewGuid().ToString("N");
        await _handler.OpenAsync(
            new SellerTask(Tenant, id, type, status, Registration, A2ARegistration, Context), cancellationToken).ConfigureAwait(false);
        return Task = new HandedOff(id, status, message);
    }
}
