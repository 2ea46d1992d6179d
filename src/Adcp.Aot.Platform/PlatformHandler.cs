using System.Data.Common;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// Performs AdCP calls on a seller's platform and reports on them by webhook. In 3.0 it sends one completion after each
/// successful mutating call. From 3.1 on it sends nothing after a final answer. In all versions it reports the status
/// changes of tasks that a call was handed off to. Thread-safe; drain it before the supervisor.
/// </summary>
public sealed class PlatformHandler : IAsyncDisposable
{
    private readonly TaskTools _platform;
    private readonly IdempotentCalls _idempotent;
    private readonly Dictionary<string, ToolDescription> _tools;
    private readonly RegistrationAdmission _admission;
    private readonly TenantBudget _calls;
    private readonly TenantBudget _lists;
    private readonly bool _ownsTasks;
    private int _isDisposed;

    /// <summary>Creates a handler for a platform.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="options">The seller's options.</param>
    /// <param name="sender">Makes single attempts; ignored if there is a supervisor.</param>
    /// <param name="supervisor">Delivers the webhooks.</param>
    /// <exception cref="ArgumentNullException"><paramref name="platform"/> or <paramref name="options"/> is null.</exception>
    /// <exception cref="PlatformBootException">The wiring cannot keep the promises. Lists every gap.</exception>
    public PlatformHandler(
        IAdcpPlatform platform, PlatformOptions options, IWebhookSender? sender = null, IWebhookDeliverySupervisor? supervisor = null)
        : this(
            platform ?? throw new ArgumentNullException(nameof(platform)),
            new TaskHandOff(options, DeliveryTarget.Resolve(sender, supervisor), platform),
            ownsTasks: true)
    {
    }

    /// <summary>Wires a platform over a hand-off that its tools use too, with the options, sender and supervisor of the hand-off.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="tasks">Ends tasks. The handler drains it; the caller disposes it, after the handler.</param>
    /// <exception cref="ArgumentNullException"><paramref name="platform"/> or <paramref name="tasks"/> is null.</exception>
    /// <exception cref="PlatformBootException">Promises and wiring do not fit: every gap at once.</exception>
    public PlatformHandler(IAdcpPlatform platform, TaskHandOff tasks)
        : this(
            platform ?? throw new ArgumentNullException(nameof(platform)),
            tasks ?? throw new ArgumentNullException(nameof(tasks)),
            ownsTasks: false) => BootValidation.Require(platform, tasks.Options, tasks.Target);

    private PlatformHandler(IAdcpPlatform platform, TaskHandOff tasks, bool ownsTasks)
    {
        PlatformOptions options = tasks.Options;
        Tasks = tasks;
        _ownsTasks = ownsTasks;
        Options = options;
        _lists = new TenantBudget(options.Limits.MaxListsPerTenant, total: 4 * options.Limits.MaxListsPerTenant);
        _platform = new TaskTools(platform, options, _lists);
        _calls = new TenantBudget(options.Limits.MaxCallsPerTenant);
        DestinationGuard? guard = options.Guard ?? tasks.Sender?.Facts?.Guard;
        _admission = new RegistrationAdmission(options, tasks.Target, tasks.Emitter, guard);
        Requests = new RequestOperations(options);
        _idempotent = new IdempotentCalls(options, options.Reconciler ?? platform as IRequestReconciler);

        // Names that are there twice are refused after this constructor, if the hand-off is the caller's.
        _tools = _platform.Tools.DistinctBy(tool => tool.Name, StringComparer.Ordinal)
            .ToDictionary(tool => tool.Name, StringComparer.Ordinal);
        if (guard is null && TellsByWebhook)
        {
            PlatformLog.NoGuard(options.Log);
        }

        if (options.AllowsProcessLocalDelivery)
        {
            PlatformLog.ProcessLocal(options.Log);
        }

        if (!options.Idempotency.IsDurable)
        {
            PlatformLog.ProcessLocalAnswers(options.Log);
        }
    }

    /// <summary>The options.</summary>
    public PlatformOptions Options { get; }

    /// <summary>
    /// The tools. If calls can be handed off, they include <c>get_task_status</c> and <c>list_tasks</c>, which the handler serves itself
    /// unless the platform has tools of these names.
    /// </summary>
    public IReadOnlyList<ToolDescription> Tools => _platform.Tools;

    /// <summary>Gets what ends handed-off tasks.</summary>
    public TaskHandOff Tasks { get; }

    /// <summary>Gets the operations on requests whose outcome is not known.</summary>
    public RequestOperations Requests { get; }

    /// <summary>Gets the number of webhooks that are under way or wait for a later try.</summary>
    public int PendingDeliveries => Tasks.PendingDeliveries;

    /// <summary>Gets whether a call may register a webhook at all.</summary>
    public bool TellsByWebhook => _admission.TellsByWebhook;

    /// <summary>Performs a call. It never waits for a webhook.</summary>
    /// <param name="tool">The tool's name.</param>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="a2aRegistration">The registration on A2A's own channel; null for none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The answer. An error of the call is an answer with <see cref="ToolReply.Error"/>, not an exception.</returns>
    /// <exception cref="ArgumentException">A null or empty name, or a tenant that breaks the rule of
    /// <see cref="StoreScope.Of"/>.</exception>
    public async ValueTask<ToolReply> CallAsync(
        string tool, JsonElement arguments, string tenant, PushRegistration? a2aRegistration = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(tool);
        StoreScope.Of(tenant);
        ReadOnlyMemory<byte> context = default;
        tool = TaskTools.NameOf(tool);
        try
        {
            context = ContextOf(arguments, Options.Limits.MaxContextBytes);
            if (!_tools.TryGetValue(tool, out ToolDescription? description))
            {
                throw PlatformDispatch.Unknown(tool);
            }

            ReleaseNegotiation.Require(arguments, Options.Version);
            RequestIdentity? identity = IdentityOf(description, arguments, a2aRegistration);

            // A request that cannot be performed claims no key.
            if (identity is not null)
            {
                _platform.CheckArguments(tool, arguments);
            }

            PushRegistration? registration = description.IsReported(Options)
                && Argument.Given(arguments, PushRegistration.MemberName) is { } config
                ? PushRegistration.Read(config, Options.Version)
                : null;
            ReadOnlyMemory<byte> echoed = context;

            // A request with a key is performed to its end even if its caller closes the connection.
            JsonElement kept = identity is null ? arguments : arguments.Clone();
            ToolReply reply = identity is not { } id
                ? await Perform(UnkeyedProgress(description, arguments), cancellationToken).ConfigureAwait(false)
                : description.IsMutating
                    ? await _idempotent.OnceAsync(new(description, tenant, id, kept), Perform, cancellationToken).ConfigureAwait(false)
                    : await _idempotent.ReadAsync(new(description, tenant, id, kept), Perform, cancellationToken).ConfigureAwait(false);

            // AdCP 3.0's compliance runner reads the caller's key from the reply. It is not kept, and later releases do not have it.
            bool echoesKey = Options.Version == AdcpVersion.V30 && reply.Error is null;
            return Answer(reply, context, echoesKey ? identity?.Key : null);

            ValueTask<ToolReply> Perform(CallProgress progress, CancellationToken limited) =>
                PerformAsync(description, kept, tenant, registration, a2aRegistration, echoed, identity, progress, limited);
        }
        catch (AdcpErrorException fault)
        {
            return Answer(ToolReply.Failed(Released(fault.Error)), context);
        }
        catch (Exception fault) when (fault is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            PlatformLog.ToolFailed(Options.Log, tool, fault);

            return Answer(ToolReply.Failed(AdcpError.Internal()), context);
        }
    }

    /// <summary>
    /// Creates the reply of a call that its transport refuses before it reaches a tool, such as one that is not authenticated.
    /// </summary>
    /// <param name="error">The reason.</param>
    /// <exception cref="ArgumentNullException"><paramref name="error"/> is null.</exception>
    public ToolReply Refuse(AdcpError error) => Answer(ToolReply.Failed(error), context: default);

    /// <summary>Registers A2A's own channel for a task, if it can be honoured.</summary>
    /// <param name="task">The task.</param>
    /// <param name="registration">The registration.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="task"/> or <paramref name="registration"/> is null.</exception>
    /// <exception cref="AdcpErrorException">The registration cannot be honoured.</exception>
    public async ValueTask<TaskTransition> RegisterA2AAsync(
        SellerTask task, PushRegistration registration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(registration);

        // If the tool of a task is no longer offered, the task has a type that says so.
        string tool = task.TaskType.ToWire();
        ToolDescription description = _tools.GetValueOrDefault(tool) ?? new ToolDescription(tool);
        await _admission.AdmitAsync(description, task.Tenant, registration, task.Context, cancellationToken).ConfigureAwait(false);
        return await Options.Tasks.RegisterAsync(task.Tenant, task.TaskId, registration, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gets how long <see cref="DisposeAsync"/> waits: <see cref="PlatformOptions.DrainPatience"/>, or its default
    /// for the sender and supervisor at hand.
    /// </summary>
    public TimeSpan DrainPatience => Tasks.DrainPatience;

    /// <summary>
    /// Takes no more work and waits for the works that calls were handed off to (<see cref="TaskHandOff.DrainAsync"/>), then accepts no
    /// more webhooks and waits for those that are pending. A webhook that waits for a later try is tried at once. When the time is over,
    /// each task whose work did not end and each webhook that is left is logged; an attempt that the supervisor has under way is left to
    /// it, and cut short when the supervisor is disposed.
    /// </summary>
    /// <param name="patience">The longest wait. 0 to 1 day.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 day.</exception>
    public async ValueTask DrainAsync(TimeSpan patience)
    {
        TaskHandOff.CheckPatience(patience);
        long started = Options.TimeProvider.GetTimestamp();
        await _idempotent.DrainAsync(patience * 0.5).ConfigureAwait(false);
        TimeSpan left = patience - Options.TimeProvider.GetElapsedTime(started);
        await Tasks.DrainAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
    }

    /// <summary>Drains for <see cref="DrainPatience"/>. Does not wait if <see cref="DrainAsync"/> has given up already.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        await DrainAsync(DrainPatience).ConfigureAwait(false);
        if (_ownsTasks)
        {
            await Tasks.DisposeAsync().ConfigureAwait(false);
        }

        _idempotent.Dispose();
    }

    /// <summary>
    /// Reads the task registry, the idempotency store and the outbox once, so that a missing table, an unreachable database, or an outbox
    /// on another database than the tasks is found before the first call.
    /// </summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="PlatformBootException">
    /// At least one of them cannot be read, or outbox and tasks cannot be committed together. Lists all.
    /// </exception>
    public async ValueTask CheckStoresAsync(CancellationToken cancellationToken = default)
    {
        List<BootGap> gaps = [];
        await CheckAsync("task_registry", Options.Tasks, () => Options.Tasks.FindAsync("boot", "boot", cancellationToken).AsTask())
            .ConfigureAwait(false);
        await CheckAsync("idempotency_store", Options.Idempotency, () => Options.Idempotency.CheckAsync(cancellationToken).AsTask())
            .ConfigureAwait(false);
        if (Options.Outbox is { } outbox)
        {
            await CheckAsync("webhook_outbox", outbox, () => outbox.CheckAsync(cancellationToken).AsTask()).ConfigureAwait(false);
            if (gaps.Count == 0)
            {
                await CheckTransactionsAsync(outbox).ConfigureAwait(false);
            }
        }

        if (gaps.Count > 0)
        {
            throw new PlatformBootException(gaps);
        }

        async ValueTask CheckTransactionsAsync(IWebhookOutbox outbox)
        {
            try
            {
                await Options.Tasks.CheckTransactionAsync(outbox.CheckTransactionAsync, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is ArgumentException or DbException or InvalidOperationException)
            {
                gaps.Add(new(
                    "webhook_outbox_transaction",
                    $"{outbox.GetType().Name} cannot enqueue in the transactions of {Options.Tasks.GetType().Name} ({fault.Message}): keep "
                    + "tasks and outbox in one database, so that a status and its webhooks are committed together."));
            }
        }

        async ValueTask CheckAsync(string code, object store, Func<Task> read)
        {
            try
            {
                await read().ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is DbException or InvalidOperationException)
            {
                string type = store.GetType().Name;
                gaps.Add(new(
                    code,
                    $"{type} cannot be read ({fault.Message}): call {type}.CreateIfAbsentAsync once before serving, and check that the "
                    + "database is reachable."));
            }
        }
    }

    /// <summary>Reads a page of a tenant's tasks and counts them, if not too many of its lists are being read.</summary>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="query">The filter and the page.</param>
    /// <param name="mostCounted">The number at which counting stops. At least 1.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The page, and the number of tasks that match the filter, at most <paramref name="mostCounted"/>.</returns>
    /// <exception cref="AdcpErrorException">Too many lists are being read: <c>RATE_LIMITED</c>.</exception>
    public async ValueTask<(TaskPage<SellerTask> Page, int Total)> ListAsync(
        string tenant, TaskQuery query, int mostCounted, CancellationToken cancellationToken = default)
    {
        if (!_lists.TryTake(tenant))
        {
            throw PlatformLimits.Reached(Options, tenant, nameof(PlatformLimits.MaxListsPerTenant), TimeSpan.FromSeconds(1));
        }

        try
        {
            TaskPage<SellerTask> page = await Options.Tasks.ListAsync(tenant, query, cancellationToken).ConfigureAwait(false);
            return (page, await Options.Tasks.CountAsync(tenant, query, mostCounted, cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            _lists.Return(tenant);
        }
    }

    /// <summary>Returns an error in the form of the release that is spoken.</summary>
    private AdcpError Released(AdcpError error) =>
        Options.Version == AdcpVersion.V30 && error.Code == "IDEMPOTENCY_CONFLICT" ? error with { LeavesRecoveryOut = true } : error;

    /// <summary>Completes a reply by the members that AdCP demands of every reply.</summary>
    private ToolReply Answer(ToolReply reply, ReadOnlyMemory<byte> context, string? idempotencyKey = null) => reply.With(
        WireObject.Outgoing(reply.Body, context, reply.IsReplay, new ReplyEnvelope(Options.Version, reply.Status, idempotencyKey)));

    /// <summary>
    /// Returns the identity in its scope: the caller in AdCP 3.0, whose compliance runner expects a conflict if a key is used for another
    /// account; the caller and the account in later releases.
    /// </summary>
    private RequestIdentity Scoped(RequestIdentity identity) => Options.Version == AdcpVersion.V30
        ? identity with { Request = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity.Key))) }
        : identity;

    /// <summary>Refuses the task of a call that reads with a malformed key. Other reads may ignore their keys.</summary>
    private static CallProgress UnkeyedProgress(ToolDescription tool, JsonElement arguments) =>
        !tool.IsMutating && arguments.TryGetProperty("idempotency_key"u8, out JsonElement key) && key.ValueKind != JsonValueKind.Null
            && !RequestIdentity.IsKey(key)
            ? new CallProgress(static (_, _) => throw RequestIdentity.Malformed())
            : new CallProgress();

    /// <returns><c>null</c> for a call that only reads and opens no task, and if a key is neither given nor required.</returns>
    private RequestIdentity? IdentityOf(ToolDescription tool, JsonElement arguments, PushRegistration? a2aRegistration)
    {
        bool isGiven = arguments.TryGetProperty("idempotency_key"u8, out JsonElement key) && key.ValueKind != JsonValueKind.Null;
        if (!tool.IsMutating)
        {
            return isGiven && tool.CanHandOff && RequestIdentity.IsKey(key)
                ? Scoped(RequestIdentity.Of(tool.Name, arguments, a2aRegistration, key))
                : null;
        }

        if (isGiven)
        {
            return Scoped(RequestIdentity.Of(tool.Name, arguments, a2aRegistration, key));
        }

        return Options.RequiresIdempotencyKey && tool.RequiresIdempotencyKey
            ? throw new AdcpErrorException(
                AdcpError.InvalidRequest("A call that changes something needs an idempotency_key, so that it can be repeated safely.",
                    "idempotency_key"))
            : null;
    }

    private static ReadOnlyMemory<byte> ContextOf(JsonElement arguments, int maxBytes)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("The arguments are a JSON object."));
        }

        // Checked once for all readers: System.Text.Json throws for a lone surrogate only when the string is used.
        if (!ClientText.IsSound(JsonMarshal.GetRawUtf8Value(arguments)))
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest(
                $"The arguments are JSON of at most {ClientText.MaxDepth} levels, without lone surrogates and names twice in an object."));
        }

        if (!arguments.TryGetProperty("context"u8, out JsonElement context) || context.ValueKind == JsonValueKind.Null)
        {
            return default;
        }

        if (context.ValueKind != JsonValueKind.Object)
        {
            throw Broken("A context is a JSON object.");
        }

        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(context);
        return raw.Length > maxBytes ? throw Broken($"A context has at most {maxBytes} bytes of JSON.")
            : ClientText.IsSound(raw, WireObject.MaxDepth) ? JsonSerializer.SerializeToUtf8Bytes(context, WireJson.Default.JsonElement)
            : throw Broken($"A context has at most {WireObject.MaxDepth} levels.");

        static AdcpErrorException Broken(string rule) => new(AdcpError.InvalidRequest(rule, "context"));
    }

    /// <returns>The answer, without the members that may not be read back and without the context, which is each
    /// caller's own.</returns>
    private async ValueTask<ToolReply> PerformAsync(
        ToolDescription tool, JsonElement arguments, string tenant, PushRegistration? registration, PushRegistration? a2aRegistration,
        ReadOnlyMemory<byte> context, RequestIdentity? identity, CallProgress progress, CancellationToken cancellationToken)
    {
        if (!_calls.TryTake(tenant))
        {
            throw PlatformLimits.Reached(Options, tenant, nameof(PlatformLimits.MaxCallsPerTenant), TimeSpan.FromSeconds(1));
        }

        try
        {
            return await PerformCountedAsync(
                tool, arguments, tenant, registration, a2aRegistration, context, identity, progress, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _calls.Return(tenant);
        }
    }

    private async ValueTask<ToolReply> PerformCountedAsync(
        ToolDescription tool, JsonElement arguments, string tenant, PushRegistration? registration, PushRegistration? a2aRegistration,
        ReadOnlyMemory<byte> context, RequestIdentity? identity, CallProgress progress, CancellationToken cancellationToken)
    {
        a2aRegistration = tool.IsReported(Options) ? a2aRegistration : null;
        if (registration is not null)
        {
            await _admission.AdmitAsync(tool, tenant, registration, context, cancellationToken).ConfigureAwait(false);
        }

        if (a2aRegistration is not null)
        {
            await _admission.AdmitAsync(tool, tenant, a2aRegistration, context, cancellationToken).ConfigureAwait(false);
        }

        ToolCall call = new(Tasks, tool, tenant, registration, a2aRegistration, context, identity?.Key, progress)
        {
            RequestId = identity?.Request,
            Account = TaskAccount.Of(arguments),
        };
        ToolReply reply;
        progress.IsInvoked = true;
        try
        {
            reply = await _platform.InvokeAsync(tool.Name, arguments, call, cancellationToken).ConfigureAwait(false);
            ReadOnlyMemory<byte> body =
                tool.Name == Capabilities.Tool ? Capabilities.Completed(reply.Body, Options.Version) : reply.Body;
            reply = reply.With(WireObject.Outgoing(body, default));
            progress.Reply = reply.Error is null ? reply : null;
        }
        finally
        {
            call.Work?.Abandon();
        }

        // The completion of a final answer in 3.0. From 3.1 on nothing follows such an answer.
        if (Options is { Version: AdcpVersion.V30, EmitsInlineCompletions: true } && reply.Status == AdcpTaskStatus.Completed
            && tool.IsMutating && registration is not null
            && tool.IsEligible(Options.Version, out TaskType type))
        {
            string taskId = "sync-" + Guid.NewGuid().ToString("N")[..16];
            ReadOnlyMemory<byte> result = WireObject.Outgoing(reply.Body, context);
            SellerTask told = new(tenant, taskId, type, AdcpTaskStatus.Completed, registration, null, context, result);
            if (Options.Outbox is null)
            {
                Tasks.Emitter.Start(told, isKept: false);
            }
            else
            {
                await Tasks.Emitter.EnqueueAnsweredAsync(told, cancellationToken).ConfigureAwait(false);
            }
        }

        return reply;
    }
}
