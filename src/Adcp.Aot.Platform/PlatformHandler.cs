using System.Data.Common;
using System.Runtime.InteropServices;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Platform;

/// <summary>
/// Performs AdCP calls on a seller's platform and reports on them by webhook, by the generation's rules: in 3.0 one
/// completion after each successful mutating call, from 3.1 nothing after an answer that is final, and in all of them
/// the status changes of tasks that a call was handed off to. Thread-safe; drain it before the supervisor.
/// </summary>
public sealed class PlatformHandler : IAsyncDisposable
{
    private readonly IAdcpPlatform _platform;
    private readonly DeliveryTarget _target;
    private readonly WebhookEmitter _emitter;
    private readonly IdempotentCalls _idempotent;
    private readonly Dictionary<string, ToolDescription> _tools;
    private readonly RegistrationAdmission _admission;
    private readonly TenantBudget _calls;
    private readonly TenantBudget _lists;
    private readonly CountedQuota _openTasks;

    /// <summary>Wires a platform.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="options">What is promised and spoken.</param>
    /// <param name="sender">Makes single attempts; ignored where there is a supervisor.</param>
    /// <param name="supervisor">Delivers.</param>
    /// <exception cref="ArgumentNullException"><paramref name="platform"/> or <paramref name="options"/> is null.</exception>
    /// <exception cref="PlatformBootException">Promises and wiring do not fit: every gap at once.</exception>
    public PlatformHandler(IAdcpPlatform platform, PlatformOptions options, IWebhookSender? sender = null,
        IWebhookDeliverySupervisor? supervisor = null)
    {
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(options);
        _target = DeliveryTarget.Resolve(sender, supervisor);
        IReadOnlyList<BootGap> gaps = BootValidation.Find(platform, options, _target);
        if (gaps.Count > 0)
        {
            throw new PlatformBootException(gaps);
        }

        if (options.Logger is not null)
        {
            options = options with { Logger = GuardedLogger.Of(options.Logger) };
        }

        _platform = platform;
        Options = options;
        _tools = platform.Tools.ToDictionary(tool => tool.Name, StringComparer.Ordinal);
        _lists = new TenantBudget(options.Limits.MaxListsPerTenant, total: 4 * options.Limits.MaxListsPerTenant);
        _calls = new TenantBudget(options.Limits.MaxCallsPerTenant);
        _openTasks = new CountedQuota(options.Limits.MaxOpenTasksPerTenant, CountOpenAsync, options.TimeProvider);
        _emitter = new WebhookEmitter(_target, options);
        DestinationGuard? guard = options.Guard ?? SenderOf(_target)?.Facts?.Guard;
        _admission = new RegistrationAdmission(options, _target, _emitter, guard);
        _idempotent = new IdempotentCalls(options);
        Tasks = new TaskHandOff(options, _emitter, _openTasks);
        if (options.Logger is { } logger)
        {
            if (guard is null && TellsByWebhook)
            {
                PlatformLog.NoGuard(logger);
            }

            if (options.AllowsProcessLocalDelivery)
            {
                PlatformLog.ProcessLocal(logger);
            }

            if (!options.Idempotency.IsDurable)
            {
                PlatformLog.ProcessLocalAnswers(logger);
            }
        }
    }

    /// <summary>The options.</summary>
    public PlatformOptions Options { get; }

    /// <summary>The tools.</summary>
    public IReadOnlyList<ToolDescription> Tools => _platform.Tools;

    /// <summary>Moves handed-off tasks on.</summary>
    public TaskHandOff Tasks { get; }

    /// <summary>Webhooks under way or waiting for a later try.</summary>
    public int PendingDeliveries => _emitter.Pending;

    /// <summary>Gets whether a call may register a webhook at all.</summary>
    public bool TellsByWebhook => _admission.TellsByWebhook;

    /// <summary>Performs a call. It never waits for a webhook.</summary>
    /// <param name="tool">The tool's name.</param>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="a2aRegistration">What the caller registered on A2A's own channel; null for none.</param>
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
        try
        {
            if (!_tools.TryGetValue(tool, out ToolDescription? description))
            {
                throw PlatformDispatch.Unknown(tool);
            }

            context = ContextOf(arguments, Options.Limits.MaxContextBytes);
            RequestIdentity? identity = IdentityOf(description, arguments, a2aRegistration);
            ReadOnlyMemory<byte> echoed = context;
            ToolReply reply = identity is { } request
                ? await _idempotent.OnceAsync(tool, tenant, request, Perform, cancellationToken).ConfigureAwait(false)
                : await Perform(cancellationToken).ConfigureAwait(false);
            return Answer(reply, context);

            ValueTask<ToolReply> Perform(CancellationToken limited) =>
                PerformAsync(description, arguments, tenant, a2aRegistration, echoed, identity?.Key, limited);
        }
        catch (AdcpErrorException fault)
        {
            return Answer(ToolReply.Failed(fault.Error), context);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            if (Options.Logger is { } logger)
            {
                PlatformLog.ToolFailed(logger, tool, fault);
            }

            return Answer(ToolReply.Failed(
                new AdcpError("INTERNAL_ERROR", "The seller failed to perform the call.", null, ErrorRecovery.Transient)), context);
        }
    }

    /// <summary>Registers A2A's own channel for a task, if it can be honoured.</summary>
    /// <param name="task">The task.</param>
    /// <param name="registration">The registration.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="task"/> or <paramref name="registration"/> is null.</exception>
    /// <exception cref="AdcpErrorException">It cannot be honoured.</exception>
    public async ValueTask<TaskTransition> RegisterA2AAsync(
        SellerTask task, PushRegistration registration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(registration);

        // A task of a tool that was sold once and is no longer has a type that says as much.
        string tool = task.TaskType.ToWire();
        ToolDescription description = _tools.GetValueOrDefault(tool) ?? new ToolDescription(tool);
        await _admission.AdmitAsync(description, task.Tenant, registration, task.Context, cancellationToken).ConfigureAwait(false);
        return await Options.Tasks.RegisterAsync(task.Tenant, task.TaskId, registration, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gets how long <see cref="DisposeAsync"/> waits: <see cref="PlatformOptions.DrainPatience"/>, or its default
    /// for the sender and supervisor at hand.
    /// </summary>
    public TimeSpan DrainPatience => Options.DrainPatience ?? DefaultPatience();

    /// <summary>
    /// Accepts no more webhooks and waits for those that are pending. A webhook that waits for a later try is tried
    /// at once. When the time is over, each one that is left is logged by task; an attempt that the supervisor has
    /// under way is left to it, and cut short when the supervisor is disposed.
    /// </summary>
    /// <param name="patience">The longest wait. 0 to 1 day.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 day.</exception>
    public async ValueTask DrainAsync(TimeSpan patience)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(patience, TimeSpan.FromDays(1));
        long started = Options.TimeProvider.GetTimestamp();
        await _idempotent.DrainAsync(patience).ConfigureAwait(false);
        TimeSpan left = patience - Options.TimeProvider.GetElapsedTime(started);
        await _emitter.DrainAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
    }

    /// <summary>Drains for <see cref="DrainPatience"/>. Does not wait if <see cref="DrainAsync"/> has given up already.</summary>
    public async ValueTask DisposeAsync()
    {
        await DrainAsync(DrainPatience).ConfigureAwait(false);
        await _emitter.DisposeAsync().ConfigureAwait(false);
        _idempotent.Dispose();
    }

    /// <summary>
    /// Reads the task registry and the idempotency store once, so that a missing table or an unreachable database is
    /// found before the first call.
    /// </summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="PlatformBootException">One of them, or both, cannot be read.</exception>
    public async ValueTask CheckStoresAsync(CancellationToken cancellationToken = default)
    {
        List<BootGap> gaps = [];
        await CheckAsync("task_registry", Options.Tasks, () => Options.Tasks.FindAsync("boot", "boot", cancellationToken).AsTask())
            .ConfigureAwait(false);
        await CheckAsync("idempotency_store", Options.Idempotency, () => Options.Idempotency.CheckAsync(cancellationToken).AsTask())
            .ConfigureAwait(false);
        if (gaps.Count > 0)
        {
            throw new PlatformBootException(gaps);
        }

        async ValueTask CheckAsync(string code, object store, Func<Task> read)
        {
            try
            {
                await read().ConfigureAwait(false);
            }
            catch (DbException fault)
            {
                string type = store.GetType().Name;
                gaps.Add(new(
                    code,
                    $"{type} cannot be read ({fault.Message}): call {type}.CreateIfAbsentAsync once before serving, and check that the "
                    + "database is reachable."));
            }
        }
    }

    /// <summary>Keeps a new task if its tenant may have one more.</summary>
    /// <exception cref="AdcpErrorException">It may not: <c>RATE_LIMITED</c>.</exception>
    internal async ValueTask OpenAsync(SellerTask task, CancellationToken cancellationToken)
    {
        TaskRules.Checked(task);
        if (!await _openTasks.TryTakeAsync(task.Tenant, cancellationToken).ConfigureAwait(false))
        {
            throw PlatformLimits.Reached(Options, task.Tenant, nameof(PlatformLimits.MaxOpenTasksPerTenant), TimeSpan.FromMinutes(1));
        }

        try
        {
            await Options.Tasks.CreateAsync(task, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            _openTasks.Return(task.Tenant);
            throw;
        }
    }

    /// <summary>Reads a page of a tenant's tasks and counts them, if not too many of its lists are being read.</summary>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="query">The filter and the page.</param>
    /// <param name="mostCounted">The largest number that is counted to. At least 1.</param>
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

    private static IWebhookSender? SenderOf(DeliveryTarget target) =>
        target.Supervisor is { } supervisor ? supervisor.Sender : target.Sender;

    private TimeSpan DefaultPatience()
    {
        TimeSpan attempt = SenderOf(_target)?.Facts?.AttemptTimeout
            ?? new WebhookSenderOptions { Version = Options.Version }.AttemptTimeout;
        TimeSpan delay = _target.Supervisor switch
        {
            null => TimeSpan.Zero,
            InMemoryWebhookDeliverySupervisor memory => memory.LongestDelay,
            _ => RetryPolicy.Default.LongestDelay,
        };
        TimeSpan patience = attempt + delay;
        return patience < TimeSpan.FromHours(1) ? patience : TimeSpan.FromHours(1);
    }

    private async ValueTask<int> CountOpenAsync(string tenant, int limit, CancellationToken cancellationToken)
    {
        int open = 0;
        foreach (AdcpTaskStatus status in Enum.GetValues<AdcpTaskStatus>())
        {
            if (status != AdcpTaskStatus.Unknown && !status.IsTerminal() && open < limit)
            {
                open += await Options.Tasks.CountAsync(
                    tenant, new TaskQuery { State = status.ToWire() }, limit - open, cancellationToken).ConfigureAwait(false);
            }
        }

        return open;
    }

    private static ToolReply Answer(ToolReply reply, ReadOnlyMemory<byte> context) =>
        reply.With(WireObject.Outgoing(reply.Body, context, reply.IsReplay));

    /// <returns>Null for a call that only reads, and where a key is neither given nor demanded.</returns>
    private RequestIdentity? IdentityOf(ToolDescription tool, JsonElement arguments, PushRegistration? a2aRegistration)
    {
        if (!tool.IsMutating)
        {
            return null;
        }

        if (arguments.TryGetProperty("idempotency_key"u8, out JsonElement key) && key.ValueKind != JsonValueKind.Null)
        {
            return RequestIdentity.Of(tool.Name, arguments, a2aRegistration, key);
        }

        return Options.RequiresIdempotencyKey
            ? throw new AdcpErrorException(
                AdcpError.InvalidRequest("A call that changes something has an idempotency_key, so that it can be made again safely.",
                    "idempotency_key"))
            : null;
    }

    private static ReadOnlyMemory<byte> ContextOf(JsonElement arguments, int maxBytes)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("The arguments are a JSON object."));
        }

        // Once for all that reads them: System.Text.Json throws for a lone surrogate only when the string is used.
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

    /// <returns>The answer, without what may not be read back and without the context, which is each caller's own.</returns>
    private async ValueTask<ToolReply> PerformAsync(
        ToolDescription tool, JsonElement arguments, string tenant, PushRegistration? a2aRegistration,
        ReadOnlyMemory<byte> context, string? idempotencyKey, CancellationToken cancellationToken)
    {
        if (!_calls.TryTake(tenant))
        {
            throw PlatformLimits.Reached(Options, tenant, nameof(PlatformLimits.MaxCallsPerTenant), TimeSpan.FromSeconds(1));
        }

        try
        {
            return await PerformCountedAsync(tool, arguments, tenant, a2aRegistration, context, idempotencyKey, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _calls.Return(tenant);
        }
    }

    private async ValueTask<ToolReply> PerformCountedAsync(
        ToolDescription tool, JsonElement arguments, string tenant, PushRegistration? a2aRegistration,
        ReadOnlyMemory<byte> context, string? idempotencyKey, CancellationToken cancellationToken)
    {
        PushRegistration? registration = null;
        if (arguments.TryGetProperty(PushRegistration.MemberName, out JsonElement config) && config.ValueKind != JsonValueKind.Null)
        {
            registration = PushRegistration.Read(config, Options.Version);
            await _admission.AdmitAsync(tool, tenant, registration, context, cancellationToken).ConfigureAwait(false);
        }

        if (a2aRegistration is not null)
        {
            await _admission.AdmitAsync(tool, tenant, a2aRegistration, context, cancellationToken).ConfigureAwait(false);
        }

        ToolCall call = new(this, tool, tenant, registration, a2aRegistration, context, idempotencyKey);
        ToolReply reply = Answer(await _platform.InvokeAsync(tool.Name, arguments, call, cancellationToken).ConfigureAwait(false), default);

        // 3.0's completion of a final answer. From 3.1 on nothing follows such an answer.
        if (Options is { Version: AdcpVersion.V30, EmitsInlineCompletions: true } && reply.Status == AdcpTaskStatus.Completed
            && tool.IsMutating && registration is not null
            && tool.IsEligible(Options.Version, out TaskType type))
        {
            string taskId = "sync-" + Guid.NewGuid().ToString("N")[..16];
            ReadOnlyMemory<byte> result = WireObject.Outgoing(reply.Body, context);
            SellerTask told = new(tenant, taskId, type, AdcpTaskStatus.Completed, registration, null, context, result);
            _emitter.Start(told, isKept: false);
        }

        return reply;
    }
}
