using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform;

/// <summary>One call of a tool: the caller, its registrations, and the method to answer later.</summary>
public sealed class ToolCall
{
    private readonly TaskHandOff _tasks;
    private readonly ToolDescription _tool;
    private readonly CallProgress _progress;

    internal ToolCall(
        TaskHandOff tasks,
        ToolDescription tool,
        string tenant,
        PushRegistration? registration,
        PushRegistration? a2aRegistration,
        ReadOnlyMemory<byte> context,
        string? idempotencyKey,
        CallProgress? progress = null)
    {
        _progress = progress ?? new CallProgress();
        _tasks = tasks;
        _tool = tool;
        Tenant = tenant;
        Registration = registration;
        A2ARegistration = a2aRegistration;
        Context = context;
        IdempotencyKey = idempotencyKey;
    }

    /// <summary>The authenticated caller. It owns the tasks of its calls.</summary>
    public string Tenant { get; }

    /// <summary>The call's <c>push_notification_config</c>; null for none.</summary>
    public PushRegistration? Registration { get; }

    /// <summary>The registration on A2A's own channel; null for none.</summary>
    public PushRegistration? A2ARegistration { get; }

    /// <summary>The call's <c>context</c>, a UTF-8 JSON object; empty for none.</summary>
    public ReadOnlyMemory<byte> Context { get; }

    /// <summary>
    /// The call's <c>idempotency_key</c>; null for none. If a process dies after the tool has done its work and before
    /// the answer is kept, the platform asks its <see cref="IRequestReconciler"/>. Keep the key, or an id derived from it, together
    /// with the work, so that the reconciler finds it; derive from it the key for a system that the tool calls. Or use
    /// <see cref="KeepAnswerAsync"/>. It is a capability: never log it or send it on.
    /// </summary>
    public string? IdempotencyKey { get; }

    /// <summary>
    /// Gets the identity of the request within its caller: 64 hexadecimal digits of a hash of key and account; null without a key. Unlike
    /// the key it may be kept as it is. Keep it with the tool's changes, and look for <see cref="UnresolvedRequest.RequestId"/>.
    /// </summary>
    public string? RequestId { get; internal init; }

    /// <summary>Gets the fingerprint of the call's account; <see langword="null"/> for none.</summary>
    internal string? Account { get; init; }

    internal HandedOff? Task { get; private set; }

    /// <summary>Gets the work that the call was handed off with; <see langword="null"/> for none.</summary>
    internal DeferredWork? Work { get; private set; }

    /// <summary>
    /// Hands the call off to a new task and leaves the rest of the work to the platform: <c>return await call.HandOffAsync(async token
    /// =&gt; result)</c>. The buyer is answered at once with the task's id.
    /// </summary>
    /// <remarks>
    /// <para>
    /// The work starts on the thread pool when the tool has returned this method's result. It must not use objects that
    /// the tool disposes. When it returns, the task is completed with its result. An <see cref="AdcpErrorException"/>
    /// fails the task with its error, any other exception with <c>INTERNAL_ERROR</c>; the buyer is not shown its text,
    /// which is logged with event id 2014.
    /// </para>
    /// <para>
    /// The number of works is bounded by <see cref="PlatformLimits.MaxWorkPerTenant"/> and <see cref="PlatformLimits.MaxWork"/>. A shutdown
    /// waits for them (<see cref="PlatformHandler.DrainAsync"/>) and then cancels them. Work that ends with <see
    /// cref="OperationCanceledException"/> in a shutdown leaves its task open, and is logged with event id 2015; continue it after the
    /// restart by <see cref="TaskHandOff.Run"/>.
    /// </para>
    /// </remarks>
    /// <typeparam name="T">The tool's result.</typeparam>
    /// <param name="work">The rest of the work. Its token is cancelled when a shutdown waits no longer.</param>
    /// <param name="status"><see cref="AdcpTaskStatus.Submitted"/> or <see cref="AdcpTaskStatus.Working"/>.</param>
    /// <param name="message">A text for people; <see langword="null"/> for none.</param>
    /// <param name="taskId">An id of the seller's own; <see langword="null"/> for a new one.</param>
    /// <param name="cancellationToken">Ends the registration of the task.</param>
    /// <returns>The outcome that the tool returns. If the tool does not return it, the task fails.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="work"/> is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// The call was handed off before, or the tool is no task type of the seller's AdCP version.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// Another status, or an id that is in use, blank or no task id (<see cref="Storage.TaskFacts.IsTaskId"/>).
    /// </exception>
    /// <exception cref="AdcpErrorException">
    /// Too many calls are worked on, or too many tasks of the tenant are open: <c>RATE_LIMITED</c>. The seller is stopping:
    /// <c>SERVICE_UNAVAILABLE</c>. Let it pass; it answers the call.
    /// </exception>
    public async ValueTask<ToolOutcome<T>> HandOffAsync<T>(
        Func<CancellationToken, ValueTask<T>> work,
        AdcpTaskStatus status = AdcpTaskStatus.Submitted,
        string? message = null,
        string? taskId = null,
        CancellationToken cancellationToken = default)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(work);
        BackgroundWork background = _tasks.Work;
        background.Reserve(Tenant);
        try
        {
            string id = await OpenAsync(status, taskId, cancellationToken).ConfigureAwait(false);
            DeferredWork<T> deferred = new(background, Tenant, id, work);
            Work = deferred;
            return new ToolOutcome<T>(Task = new HandedOff(id, status, message, deferred.Ended), deferred);
        }
        catch
        {
            background.Return(Tenant);
            throw;
        }
    }

    /// <summary>
    /// Hands the call off to a new task that the seller ends itself. Return its result, and end the task by <see
    /// cref="TaskHandOff"/>, from now on.
    /// </summary>
    /// <param name="status"><see cref="AdcpTaskStatus.Submitted"/> or <see cref="AdcpTaskStatus.Working"/>.</param>
    /// <param name="message">A text for people; <see langword="null"/> for none.</param>
    /// <param name="taskId">An id of the seller's own; <see langword="null"/> for a new one.</param>
    /// <param name="cancellationToken">Ends the registration of the task.</param>
    /// <exception cref="InvalidOperationException">
    /// The call was handed off before, or the tool is no task type of the seller's AdCP version.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// Another status, or an id that is in use, blank or no task id (<see cref="Storage.TaskFacts.IsTaskId"/>).
    /// </exception>
    /// <exception cref="AdcpErrorException">
    /// The tenant has reached its limit of open tasks: <c>RATE_LIMITED</c>. Do not catch it; it answers the call.
    /// </exception>
    public async ValueTask<HandedOff> HandOffAsync(
        AdcpTaskStatus status = AdcpTaskStatus.Submitted,
        string? message = null,
        string? taskId = null,
        CancellationToken cancellationToken = default)
    {
        string id = await OpenAsync(status, taskId, cancellationToken).ConfigureAwait(false);
        return Task = new HandedOff(id, status, message);
    }

    /// <summary>
    /// Keeps the tool's answer in the transaction of the tool's own changes, so that both are committed or neither is: the request is
    /// performed once and always answered, whatever fails. Call it last before the commit, and return the same result.
    /// </summary>
    /// <remarks>
    /// Without an idempotency key it does nothing. If the tool uses it in every transaction that it commits, then an unresolved request has
    /// committed nothing, and an <see cref="IRequestReconciler"/> may answer <see cref="Reconciliation.NotCommitted"/>.
    /// </remarks>
    /// <typeparam name="T">The tool's result.</typeparam>
    /// <param name="result">The result.</param>
    /// <param name="contract">Its contract.</param>
    /// <param name="transaction">The transaction, on the database of the <see cref="SqlIdempotencyStore"/>.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="NotSupportedException">The idempotency store has no database.</exception>
    /// <exception cref="OperationCanceledException">Another process has taken the request over: roll back.</exception>
    public async ValueTask KeepAnswerAsync<T>(
        T result, JsonTypeInfo<T> contract, DbTransaction transaction, CancellationToken cancellationToken = default)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(contract);
        ArgumentNullException.ThrowIfNull(transaction);
        if (_progress.Claim is { } held)
        {
            ReadOnlyMemory<byte> body = WireObject.Outgoing(JsonSerializer.SerializeToUtf8Bytes(result, contract), default);
            await held.KeepAsync(ToolReply.Completed(body), transaction, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<string> OpenAsync(AdcpTaskStatus status, string? taskId, CancellationToken cancellationToken)
    {
        if (status is not (AdcpTaskStatus.Submitted or AdcpTaskStatus.Working))
        {
            throw new ArgumentException("Must be submitted or working.", nameof(status));
        }

        if (Task is not null)
        {
            throw new InvalidOperationException("The call was handed off already.");
        }

        if (!_tool.IsEligible(_tasks.Options.Version, out TaskType type))
        {
            throw new InvalidOperationException(
                $"'{_tool.Name}' is not a task type of the AdCP version spoken and cannot be handed off.");
        }

        string id = taskId ?? "task_" + Guid.NewGuid().ToString("N");
        await _progress.OpeningTaskAsync(id, cancellationToken).ConfigureAwait(false);
        SellerTask task = new(Tenant, id, type, status, Registration, A2ARegistration, Context)
        {
            CreatedAt = _tasks.Options.TimeProvider.GetUtcNow(),
            Account = Account,
        };
        await _tasks.OpenAsync(task, cancellationToken).ConfigureAwait(false);
        return id;
    }
}
