using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Platform;

/// <summary>
/// Ends tasks that calls were handed off to, and notifies the buyer: by webhook of each status change if one is registered, and always of
/// the terminal one. A change that the registry refuses or has seen sends nothing. Thread-safe; drain it before the supervisor.
/// </summary>
/// <remarks>
/// A <see cref="PlatformHandler"/> has one, <see cref="PlatformHandler.Tasks"/>. A process that only ends tasks, such as a background
/// service beside the same task registry, constructs its own. A seller whose tools need it before there is a handler constructs it first
/// and gives it to the handler.
/// </remarks>
public sealed class TaskHandOff : IAsyncDisposable
{
    private const int MaxMessageLength = 65_536;

    private static readonly TimeSpan PatienceWithDoubt = TimeSpan.FromSeconds(5);

    private readonly WebhookEmitter _emitter;
    private readonly CountedQuota _openTasks;
    private int _isDisposed;

    /// <summary>Creates a hand-off over the task registry and the webhooks of the options.</summary>
    /// <param name="options">
    /// The seller's options. <see cref="PlatformOptions.Tasks"/> is where the tasks are; in another process than the seller's, that is a
    /// registry in a database.
    /// </param>
    /// <param name="sender">Makes single attempts; ignored if there is a supervisor.</param>
    /// <param name="supervisor">Delivers the webhooks.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="PlatformBootException">Promises and wiring do not fit: every gap at once.</exception>
    public TaskHandOff(PlatformOptions options, IWebhookSender? sender = null, IWebhookDeliverySupervisor? supervisor = null)
        : this(options, DeliveryTarget.Resolve(sender, supervisor), platform: null)
    {
    }

    internal TaskHandOff(PlatformOptions options, DeliveryTarget target, IAdcpPlatform? platform)
    {
        ArgumentNullException.ThrowIfNull(options);
        BootValidation.Require(platform, options, target);
        Options = options.Logger is null ? options : options with { Logger = GuardedLogger.Of(options.Logger) };
        Target = target;
        _emitter = new WebhookEmitter(target, Options);
        _openTasks = new CountedQuota(Options.Limits.MaxOpenTasksPerTenant, CountOpenAsync, Options.TimeProvider);
        Work = new BackgroundWork(this, Options);
    }

    /// <summary>Gets how many webhooks are under way or wait for a later try.</summary>
    public int PendingDeliveries => _emitter.Pending;

    /// <summary>Gets how many tasks are worked on in the background.</summary>
    public int PendingWork => Work.Count;

    /// <summary>
    /// Gets how long <see cref="DisposeAsync"/> waits: <see cref="PlatformOptions.DrainPatience"/>, or its default for the sender and
    /// supervisor at hand.
    /// </summary>
    public TimeSpan DrainPatience => Options.DrainPatience ?? DefaultPatience();

    internal PlatformOptions Options { get; }

    internal DeliveryTarget Target { get; }

    internal WebhookEmitter Emitter => _emitter;

    internal BackgroundWork Work { get; }

    /// <summary>Gets the sender, also if a supervisor has it; <c>null</c> if unknown.</summary>
    internal IWebhookSender? Sender => Target.Supervisor is { } supervisor ? supervisor.Sender : Target.Sender ?? Options.Outbox?.Sender;

    /// <summary>
    /// Runs the work of a task in the background and ends the task with its result, as after <see cref="ToolCall.HandOffAsync{T}"/>: for
    /// tasks that were open when the last process ended. The work counts against <see cref="PlatformLimits.MaxWorkPerTenant"/> and is never
    /// refused, because its task was promised before.
    /// </summary>
    /// <typeparam name="T">The tool's result.</typeparam>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="work">The work. Its token is cancelled when a shutdown waits no longer.</param>
    /// <param name="typeInfo">The contract of the result.</param>
    /// <returns>How the work ended. It never faults. After a drain has begun, the work is not started.</returns>
    /// <exception cref="ArgumentException"><paramref name="tenant"/> or <paramref name="taskId"/> is null or empty.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="work"/> or <paramref name="typeInfo"/> is null.</exception>
    public Task<WorkOutcome> Run<T>(string tenant, string taskId, Func<CancellationToken, ValueTask<T>> work, JsonTypeInfo<T> typeInfo)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Work.Start(tenant, taskId, BackgroundWork.Writing(work, typeInfo), isReserved: false);
    }

    /// <summary>Completes a task with its result.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="result">The tool's result.</param>
    /// <param name="typeInfo">Its contract.</param>
    /// <param name="message">A text for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait. The status then may or may not have been entered; repeat the call
    /// to find out.</param>
    public ValueTask<TaskTransition> CompleteAsync<T>(
        string tenant, string taskId, T result, JsonTypeInfo<T> typeInfo, string? message = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return EnterAsync(tenant, taskId, AdcpTaskStatus.Completed, JsonSerializer.SerializeToUtf8Bytes(result, typeInfo),
            message, cancellationToken);
    }

    /// <summary>Fails a task.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="error">The reason.</param>
    /// <param name="message">A text for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<TaskTransition> FailAsync(string tenant, string taskId, AdcpError error, string? message = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        return EnterAsync(tenant, taskId, AdcpTaskStatus.Failed, ResultOf(error), message, cancellationToken);
    }

    /// <summary>Enters any status but <c>unknown</c>.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="status">The status.</param>
    /// <param name="result">The result, a UTF-8 JSON object of at most 56 levels; empty for none.</param>
    /// <param name="message">A text for people of at most 65,536 characters; null for none.</param>
    /// <param name="cancellationToken">
    /// Ends the wait. The status then may or may not have been entered; repeat the call to find out.
    /// </param>
    /// <returns>
    /// <see cref="TaskTransition.Entered"/> if the status was entered. If a registry throws although it committed, it
    /// is asked again, and the webhooks are sent as if it had answered, even if this method throws.
    /// </returns>
    /// <exception cref="TimeoutException">
    /// An earlier change of the task is in doubt and the registry does not answer. Nothing was changed.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// Not a status to enter; a result that is no sound JSON object, too large, or, if the task is reported over A2A, has an integer that
    /// A2A's readers round; or a message that is too long or holds a lone surrogate. Nothing was changed.
    /// </exception>
    public async ValueTask<TaskTransition> EnterAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result = default, string? message = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        if (!Enum.IsDefined(status) || status == AdcpTaskStatus.Unknown)
        {
            throw new ArgumentException("Must be a status that a task can enter.", nameof(status));
        }

        CheckMessage(message);
        result = result.IsEmpty ? result : Checked(result);
        if (_emitter.DoubtOf(tenant, taskId) is { } earlier)
        {
            // If two changes of one task were in doubt, they could not be distinguished.
            await SettledAsync(earlier, cancellationToken).ConfigureAwait(false);
        }

        bool tells = !Options.TaskWebhooksAreExternal && (status.IsTerminal() || Options.EmitsInterimStatuses);
        SellerTask? entered = null;
        TaskTransition transition;
        try
        {
            transition = await Options.Tasks.TransitionAsync(tenant, taskId, status, result, async (changed, transaction, token) =>
            {
                SellerTask task = changed with { UpdatedAt = Options.TimeProvider.GetUtcNow() };
                if (tells && task.A2ARegistration is not null && !task.Result.IsEmpty && !SafeNumbers.Are(task.Result.Span))
                {
                    throw new ArgumentException(
                        "The task is reported over A2A: write an integer beyond 9007199254740991 or below -9007199254740991 as a string.",
                        nameof(result));
                }

                if (tells && Options.Outbox is not null)
                {
                    await _emitter.EnqueueAsync(task, message, transaction, token).ConfigureAwait(false);
                }

                entered = task;
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (entered is not null)
        {
            // The status was written, and the answer to the commit was lost.
            Task<bool> doubt = _emitter.StartInDoubt(entered, message, tells && Options.Outbox is null);
            if (!await IsEnteredAsync(doubt, cancellationToken).ConfigureAwait(false))
            {
                throw;
            }

            Ended(tenant, status);
            return TaskTransition.Entered;
        }

        if (transition == TaskTransition.Entered)
        {
            Ended(tenant, status);
            if (tells && Options.Outbox is null)
            {
                _emitter.Start(entered!, message);
            }
            else
            {
                Options.Outbox?.Wake();
            }
        }

        return transition;
    }

    /// <summary>
    /// Takes no more work, waits for the works under way, and then cancels them. Each task whose work does not end stays open and is
    /// logged. <see cref="DrainAsync"/> does this first.
    /// </summary>
    /// <param name="patience">The longest wait before works are cancelled. They have one second more to end. 0 to 1 day.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 day.</exception>
    public Task DrainWorkAsync(TimeSpan patience)
    {
        CheckPatience(patience);
        return Work.DrainAsync(patience);
    }

    /// <summary>
    /// Takes no more work and waits for the works under way, for three quarters of the time; then accepts no more webhooks and waits for
    /// those that are pending. A webhook that waits for a later try is tried at once. When the time is over, each task whose work did not
    /// end and each webhook that is left is logged.
    /// </summary>
    /// <param name="patience">The longest wait. 0 to 1 day.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 day.</exception>
    public async ValueTask DrainAsync(TimeSpan patience)
    {
        CheckPatience(patience);
        long started = Options.TimeProvider.GetTimestamp();

        // What the works end with is to be delivered too.
        await Work.DrainAsync(patience * 0.75).ConfigureAwait(false);
        TimeSpan left = patience - Options.TimeProvider.GetElapsedTime(started);
        await _emitter.DrainAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
    }

    /// <summary>Drains for <see cref="DrainPatience"/>. Does not wait if <see cref="DrainAsync"/> has given up already.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            await DrainAsync(DrainPatience).ConfigureAwait(false);
            await _emitter.DisposeAsync().ConfigureAwait(false);
            Work.Dispose();
        }
    }

    /// <summary>Returns the result of a task that failed.</summary>
    internal static ReadOnlyMemory<byte> ResultOf(AdcpError error) => WireObject.Of(json =>
    {
        json.WriteStartArray("errors"u8);
        error.WriteTo(json);
        json.WriteEndArray();
    });

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

    internal static void CheckPatience(TimeSpan patience) =>
        Require.InRange(patience, TimeSpan.Zero, TimeSpan.FromDays(1), nameof(patience));

    private TimeSpan DefaultPatience()
    {
        TimeSpan attempt = Sender?.Facts?.AttemptTimeout ?? new WebhookSenderOptions { Version = Options.Version }.AttemptTimeout;
        TimeSpan delay = Target.Supervisor switch
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

    private static void CheckMessage(string? message)
    {
        if (message is not null && (message.Length > MaxMessageLength || !ClientText.IsWellFormed(message)))
        {
            throw new ArgumentException($"A message has at most {MaxMessageLength} characters and no lone surrogates.", nameof(message));
        }
    }

    /// <summary>
    /// Returns the result in the form in which it is sent. If it passes, it can be written in every envelope.
    /// </summary>
    private ReadOnlyMemory<byte> Checked(ReadOnlyMemory<byte> result)
    {
        try
        {
            if (ClientText.IsSound(result.Span, WireObject.MaxDepth))
            {
                // A copy of its own, because it is kept for long: the caller may change its bytes, and a writer's buffer is larger.
                bool isOutgoing = result.Length <= Options.Limits.MaxResultBytes && WireObject.IsOutgoing(result.Span);
                result = (isOutgoing ? result : WireObject.Outgoing(result, default)).ToArray();
                return result.Length <= Options.Limits.MaxResultBytes
                    ? result
                    : throw new ArgumentException(
                        $"A result has at most {Options.Limits.MaxResultBytes} bytes (PlatformLimits.MaxResultBytes).", nameof(result));
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or not an object.
        }

        throw new ArgumentException(
            $"A result is a JSON object of at most {WireObject.MaxDepth} levels in UTF-8, without lone surrogates and repeated names.",
            nameof(result));
    }

    private async ValueTask SettledAsync(Task<bool> doubt, CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAny(doubt).WaitAsync(PatienceWithDoubt, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(
                "It is not yet known whether an earlier change of the task was committed, because the task registry does not answer. "
                + "Make the same call again later.");
        }
    }

    private async ValueTask<bool> IsEnteredAsync(Task<bool> doubt, CancellationToken cancellationToken)
    {
        try
        {
            return await doubt.WaitAsync(PatienceWithDoubt, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Unknown so far: the caller gets the registry's own exception.
            return false;
        }
    }

    private void Ended(string tenant, AdcpTaskStatus status)
    {
        if (status.IsTerminal())
        {
            _openTasks.Return(tenant);
        }
    }
}
