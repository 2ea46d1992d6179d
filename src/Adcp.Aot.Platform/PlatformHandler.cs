using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage.A2A;

namespace Adcp.Aot.Platform;

/// <summary>
/// Performs AdCP calls on a seller's platform and tells by webhook what became of them, by the generation's rules: in 3.0 one completion after each successful mutating call, from 3.1 nothing
/// after an answer that is final, and in all of them the status changes of tasks that a call was handed off to. Thread-safe; drain it before the supervisor.
/// </summary>
public sealed class PlatformHandler : IAsyncDisposable
{
    private readonly IAdcpPlatform _platform;
    private readonly DeliveryTarget _target;
    private readonly WebhookEmitter _emitter;
    private readonly IdempotentCalls _idempotent;
    private readonly Dictionary<string, ToolDescription> _tools;

    /// <summary>Wires a platform.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="options">What is promised and spoken.</param>
    /// <param name="sender">Makes single attempts; ignored where there is a supervisor.</param>
    /// <param name="supervisor">Delivers.</param>
    /// <exception cref="ArgumentNullException"><paramref name="platform"/> or <paramref name="options"/> is null.</exception>
    /// <exception cref="PlatformBootException">Promises and wiring do not fit: every gap at once.</exception>
    public PlatformHandler(IAdcpPlatform platform, PlatformOptions options, IWebhookSender? sender = null, IWebhookDeliverySupervisor? supervisor = null)
    {
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(options);
        _target = DeliveryTarget.Resolve(sender, supervisor);
        IReadOnlyList<BootGap> gaps = BootValidation.Find(platform, options, _target);
        if (gaps.Count > 0)
        {
            throw new PlatformBootException(gaps);
        }

        _platform = platform;
        Options = options;
        _tools = platform.Tools.ToDictionary(tool => tool.Name, StringComparer.Ordinal);
        _emitter = new WebhookEmitter(_target, options);
        _idempotent = new IdempotentCalls(options);
        Tasks = new TaskHandOff(options, _emitter);
        if (options.Logger is { } logger)
        {
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

    /// <summary>Whether a call may register a webhook at all.</summary>
    internal bool TellsByWebhook => Options.AcceptsPushConfigs && (_target.IsWired || Options.Outbox is not null || Options.TaskWebhooksAreExternal);

    /// <summary>Performs a call. It never waits for a webhook.</summary>
    /// <param name="tool">The tool's name.</param>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <param name="tenant">The authenticated caller.</param>
    /// <param name="a2aRegistration">What the caller registered on A2A's own channel; null for none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The answer. An error of the call is an answer with <see cref="ToolReply.Error"/>, not an exception.</returns>
    /// <exception cref="ArgumentException">A null or empty name, or a tenant that breaks the rule of <see cref="StoreScope.Of"/>.</exception>
    public async ValueTask<ToolReply> CallAsync(
        string tool, JsonElement arguments, string tenant, PushRegistration? a2aRegistration = null, CancellationToken cancellationToken = default)
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

            context = ContextOf(arguments);
            RequestIdentity? identity = IdentityOf(description, arguments, a2aRegistration);
            ReadOnlyMemory<byte> echoed = context;
            ToolReply reply = identity is { } request
                ? await _idempotent.OnceAsync(tool, tenant, request, Perform, cancellationToken).ConfigureAwait(false)
                : await Perform(cancellationToken).ConfigureAwait(false);
            return Answer(reply, context);

            ValueTask<ToolReply> Perform(CancellationToken limited) => PerformAsync(description, arguments, tenant, a2aRegistration, echoed, identity?.Key, limited);
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

            return Answer(ToolReply.Failed(new AdcpError("INTERNAL_ERROR", "The seller failed to perform the call.", null, ErrorRecovery.Transient)), context);
        }
    }

    /// <summary>Registers A2A's own channel for a task, where it can be honoured.</summary>
    /// <exception cref="AdcpErrorException">It cannot.</exception>
    internal async ValueTask<TaskTransition> RegisterA2AAsync(SellerTask task, PushRegistration registration, CancellationToken cancellationToken)
    {
        // A task of a tool that was sold once and is no longer has a type that says as much.
        string tool = task.TaskType.ToWire();
        await AdmitAsync(_tools.GetValueOrDefault(tool) ?? new ToolDescription(tool), task.Tenant, registration, "taskPushNotificationConfig", cancellationToken).ConfigureAwait(false);
        return await Options.Tasks.RegisterAsync(task.Tenant, task.TaskId, registration, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Accepts no more webhooks and waits for those under way; what waits for a later try is given up when the time is over, and logged.</summary>
    /// <param name="patience">The longest wait.</param>
    public ValueTask DrainAsync(TimeSpan patience) => _emitter.DrainAsync(patience);

    /// <summary>Drains for 5 seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        await DrainAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        await _emitter.DisposeAsync().ConfigureAwait(false);
    }

    private static ToolReply Answer(ToolReply reply, ReadOnlyMemory<byte> context) => reply.With(WireObject.Outgoing(reply.Body, context, reply.IsReplay));

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
            ? throw new AdcpErrorException(AdcpError.InvalidRequest("A call that changes something has an idempotency_key, so that it can be made again safely.", "idempotency_key"))
            : null;
    }

    private static ReadOnlyMemory<byte> ContextOf(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("The arguments are a JSON object."));
        }

        if (!arguments.TryGetProperty("context"u8, out JsonElement context) || context.ValueKind == JsonValueKind.Null)
        {
            return default;
        }

        return context.ValueKind == JsonValueKind.Object
            ? JsonSerializer.SerializeToUtf8Bytes(context, WireJson.Default.JsonElement)
            : throw new AdcpErrorException(AdcpError.InvalidRequest("A context is a JSON object.", "context"));
    }

    /// <returns>The answer, without what may not be read back and without the context, which is each caller's own.</returns>
    private async ValueTask<ToolReply> PerformAsync(
        ToolDescription tool, JsonElement arguments, string tenant, PushRegistration? a2aRegistration, ReadOnlyMemory<byte> context, string? idempotencyKey, CancellationToken cancellationToken)
    {
        PushRegistration? registration = null;
        if (arguments.TryGetProperty(PushRegistration.MemberName, out JsonElement config) && config.ValueKind != JsonValueKind.Null)
        {
            registration = PushRegistration.Read(config, Options.Version);
            await AdmitAsync(tool, tenant, registration, PushRegistration.MemberName, cancellationToken).ConfigureAwait(false);
        }

        if (a2aRegistration is not null)
        {
            await AdmitAsync(tool, tenant, a2aRegistration, "taskPushNotificationConfig", cancellationToken).ConfigureAwait(false);
        }

        ToolCall call = new(this, tool, tenant, registration, a2aRegistration, context, idempotencyKey);
        ToolReply reply = Answer(await _platform.InvokeAsync(tool.Name, arguments, call, cancellationToken).ConfigureAwait(false), default);

        // 3.0's completion of a final answer. From 3.1 on such an answer is never told again (PUB-1).
        if (Options is { Version: AdcpVersion.V30, EmitsInlineCompletions: true } && reply.Status == AdcpTaskStatus.Completed && tool.IsMutating && registration is not null
            && tool.IsEligible(Options.Version, out TaskType type))
        {
            _emitter.Start(new SellerTask(
                tenant, "sync-" + Guid.NewGuid().ToString("N")[..16], type, AdcpTaskStatus.Completed, registration, null, context, WireObject.Outgoing(reply.Body, context)));
        }

        return reply;
    }

    /// <summary>Refuses a registration that could not be honoured (PUB-2): an accepted one is a promise.</summary>
    private async ValueTask AdmitAsync(ToolDescription tool, string tenant, PushRegistration registration, string field, CancellationToken cancellationToken)
    {
        if (!TellsByWebhook)
        {
            throw Refused("This seller sends no webhooks.", field);
        }

        if (!tool.IsEligible(Options.Version, out _))
        {
            throw Refused($"No webhook reports on '{tool.Name}' in the AdCP version spoken.", field);
        }

        if (registration.Destination.Authentication is { } authentication)
        {
            if (Options.WebhookSigning is { AllowsLegacyAuthentication: false })
            {
                throw Refused("This seller signs its webhooks and takes no other authentication.", field + ".authentication");
            }

            if (Options.Logger is { } logger)
            {
                PlatformLog.LegacyRegistration(logger, tool.Name, tenant, registration.Destination.Target.Authority, authentication.ToString());
            }
        }

        // One answer for every reason: nothing of our network is told to whoever gave the url.
        if (Options.Guard is { } guard && !await guard.AllowsAsync(registration.Destination.Url, cancellationToken).ConfigureAwait(false))
        {
            throw Refused("The url is not one that webhooks may be sent to.", field + ".url");
        }

        static AdcpErrorException Refused(string message, string field) => new(AdcpError.InvalidRequest(message, field));
    }
}
