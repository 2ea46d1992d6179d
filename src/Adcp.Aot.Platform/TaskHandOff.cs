using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>
/// Moves handed-off tasks on and tells the buyer: each status change by webhook where one is registered, the terminal one always. A change that the registry refuses or has seen tells nothing.
/// Thread-safe.
/// </summary>
public sealed class TaskHandOff
{
    private readonly PlatformOptions _options;
    private readonly WebhookEmitter _emitter;

    internal TaskHandOff(PlatformOptions options, WebhookEmitter emitter)
    {
        _options = options;
        _emitter = emitter;
    }

    /// <summary>Completes a task with its result.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="result">The tool's result.</param>
    /// <param name="typeInfo">Its contract.</param>
    /// <param name="message">Words for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait; the status then may or may not have been entered, and the same call again tells.</param>
    public ValueTask<TaskTransition> CompleteAsync<T>(
        string tenant, string taskId, T result, JsonTypeInfo<T> typeInfo, string? message = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return EnterAsync(tenant, taskId, AdcpTaskStatus.Completed, JsonSerializer.SerializeToUtf8Bytes(result, typeInfo), message, cancellationToken);
    }

    /// <summary>Fails a task.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="error">Why.</param>
    /// <param name="message">Words for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<TaskTransition> FailAsync(string tenant, string taskId, AdcpError error, string? message = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        ReadOnlyMemory<byte> result = WireObject.Of(json =>
        {
            json.WriteStartArray("errors"u8);
            ToolReply.Write(json, error);
            json.WriteEndArray();
        });
        return EnterAsync(tenant, taskId, AdcpTaskStatus.Failed, result, message, cancellationToken);
    }

    /// <summary>Enters any status but <c>unknown</c>.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="taskId">Which.</param>
    /// <param name="status">The status.</param>
    /// <param name="result">The result, a UTF-8 JSON object; empty for none.</param>
    /// <param name="message">Words for people; null for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">Not a status to enter, or a result that is no sound JSON object.</exception>
    public async ValueTask<TaskTransition> EnterAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result = default, string? message = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        if (!Enum.IsDefined(status) || status == AdcpTaskStatus.Unknown)
        {
            throw new ArgumentException("A status that a task can enter.", nameof(status));
        }

        if (!result.IsEmpty)
        {
            try
            {
                result = WireObject.Outgoing(result, default);
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException)
            {
                throw new ArgumentException("A result is a sound JSON object.", nameof(result));
            }
        }

        bool tells = !_options.TaskWebhooksAreExternal && (status.IsTerminal() || _options.EmitsInterimStatuses);
        SellerTask? entered = null;
        TaskTransition transition = await _options.Tasks.TransitionAsync(tenant, taskId, status, result, async (task, transaction, token) =>
        {
            entered = task;
            if (tells && _options.Outbox is not null)
            {
                await _emitter.EnqueueAsync(task, message, transaction, token).ConfigureAwait(false);
            }
        }, cancellationToken).ConfigureAwait(false);
        if (transition == TaskTransition.Entered && tells && _options.Outbox is null)
        {
            _emitter.Start(entered!, message);
        }

        return transition;
    }
}
