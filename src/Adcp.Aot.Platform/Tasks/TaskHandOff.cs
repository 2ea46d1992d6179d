using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// Moves handed-off tasks on and notifies the buyer: by webhook of each status change if one is registered, and
/// always of the terminal one. A change that the registry refuses or has seen sends nothing. Thread-safe.
/// </summary>
public sealed class TaskHandOff
{
    private const int MaxMessageLength = 65_536;

    private static readonly TimeSpan PatienceWithDoubt = TimeSpan.FromSeconds(5);

    private readonly PlatformOptions _options;
    private readonly WebhookEmitter _emitter;
    private readonly CountedQuota _openTasks;

    internal TaskHandOff(PlatformOptions options, WebhookEmitter emitter, CountedQuota openTasks)
    {
        _options = options;
        _emitter = emitter;
        _openTasks = openTasks;
    }

    /// <summary>Completes a task with its result.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="result">The tool's result.</param>
    /// <param name="typeInfo">Its contract.</param>
    /// <param name="message">Words for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait; the status then may or may not have been entered, and the same
    /// call again tells.</param>
    public ValueTask<TaskTransition> CompleteAsync<T>(
        string tenant, string taskId, T result, JsonTypeInfo<T> typeInfo, string? message = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return EnterAsync(tenant, taskId, AdcpTaskStatus.Completed, JsonSerializer.SerializeToUtf8Bytes(result, typeInfo),
            message, cancellationToken);
    }

    /// <summary>Fails a task.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="error">Why.</param>
    /// <param name="message">Words for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<TaskTransition> FailAsync(string tenant, string taskId, AdcpError error, string? message = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        ReadOnlyMemory<byte> result = WireObject.Of(json =>
        {
            json.WriteStartArray("errors"u8);
            error.WriteTo(json);
            json.WriteEndArray();
        });
        return EnterAsync(tenant, taskId, AdcpTaskStatus.Failed, result, message, cancellationToken);
    }

    /// <summary>Enters any status but <c>unknown</c>.</summary>
    /// <param name="tenant">The tenant that owns the task.</param>
    /// <param name="taskId">The task's id.</param>
    /// <param name="status">The status.</param>
    /// <param name="result">The result, a UTF-8 JSON object of at most 56 levels; empty for none.</param>
    /// <param name="message">A text for people of at most 65,536 characters; null for none.</param>
    /// <param name="cancellationToken">
    /// Ends the wait; the status then may or may not have been entered, and the same call again tells.
    /// </param>
    /// <returns>
    /// <see cref="TaskTransition.Entered"/> if the status was entered. A registry that throws although it committed
    /// is asked again: the webhooks are then sent as if it had answered, also if this method throws.
    /// </returns>
    /// <exception cref="TimeoutException">
    /// An earlier change of the task is in doubt and the registry does not answer. Nothing was changed.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// Not a status to enter, a result that is no sound JSON object or too large, or a message that is too long or
    /// holds a lone surrogate.
    /// </exception>
    public async ValueTask<TaskTransition> EnterAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result = default, string? message = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        if (!Enum.IsDefined(status) || status == AdcpTaskStatus.Unknown)
        {
            throw new ArgumentException("A status that a task can enter.", nameof(status));
        }

        CheckMessage(message);
        result = result.IsEmpty ? result : Checked(result);
        if (_emitter.DoubtOf(tenant, taskId) is { } earlier)
        {
            // Two changes of one task in doubt could not be told apart.
            await SettledAsync(earlier, cancellationToken).ConfigureAwait(false);
        }

        bool tells = !_options.TaskWebhooksAreExternal && (status.IsTerminal() || _options.EmitsInterimStatuses);
        SellerTask? entered = null;
        TaskTransition transition;
        try
        {
            transition = await _options.Tasks.TransitionAsync(tenant, taskId, status, result, async (task, transaction, token) =>
            {
                if (tells && _options.Outbox is not null)
                {
                    await _emitter.EnqueueAsync(task, message, transaction, token).ConfigureAwait(false);
                }

                entered = task;
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (entered is not null)
        {
            // The status was written, and the answer to the commit was lost.
            Task<bool> doubt = _emitter.StartInDoubt(entered, message, tells && _options.Outbox is null);
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
            if (tells && _options.Outbox is null)
            {
                _emitter.Start(entered!, message);
            }
        }

        return transition;
    }

    private static void CheckMessage(string? message)
    {
        if (message is not null && (message.Length > MaxMessageLength || !ClientText.IsWellFormed(message)))
        {
            throw new ArgumentException($"A message has at most {MaxMessageLength} characters and no lone surrogates.", nameof(message));
        }
    }

    /// <summary>Returns the result as it leaves. Whatever passes can be written in every envelope.</summary>
    private ReadOnlyMemory<byte> Checked(ReadOnlyMemory<byte> result)
    {
        try
        {
            if (ClientText.IsSound(result.Span, WireObject.MaxDepth))
            {
                // A copy of its own, because it is kept for long: the caller may change its bytes, and a writer's buffer is larger.
                bool isOutgoing = result.Length <= _options.Limits.MaxResultBytes && WireObject.IsOutgoing(result.Span);
                result = (isOutgoing ? result : WireObject.Outgoing(result, default)).ToArray();
                return result.Length <= _options.Limits.MaxResultBytes
                    ? result
                    : throw new ArgumentException(
                        $"A result has at most {_options.Limits.MaxResultBytes} bytes (PlatformLimits.MaxResultBytes).", nameof(result));
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or no object.
        }

        throw new ArgumentException(
            $"A result is a JSON object of at most {WireObject.MaxDepth} levels in UTF-8, without lone surrogates and repeated names.",
            nameof(result));
    }

    private async ValueTask SettledAsync(Task<bool> doubt, CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAny(doubt).WaitAsync(PatienceWithDoubt, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
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
            return await doubt.WaitAsync(PatienceWithDoubt, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Not known yet: the caller gets the registry's own fault.
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
