using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The answer of an <see cref="IRequestReconciler"/>. Immutable.</summary>
public sealed class Reconciliation
{
    private Reconciliation(ReconciliationOutcome outcome, ToolReply? reply = null)
    {
        Outcome = outcome;
        Reply = reply;
    }

    /// <summary>Gets the answer that the outcome is not known, which is always safe.</summary>
    public static Reconciliation Unknown { get; } = new(ReconciliationOutcome.Unknown);

    /// <summary>
    /// Gets the answer that nothing was committed. Give it only with proof: a missing local record alone proves nothing if another system
    /// was called, or if the first attempt can still commit.
    /// </summary>
    public static Reconciliation NotCommitted { get; } = new(ReconciliationOutcome.NotCommitted);

    /// <summary>Gets the answer that the request was committed and its object was deleted afterwards by other means.</summary>
    public static Reconciliation Purged { get; } =
        new(ReconciliationOutcome.Purged, ToolReply.Failed(AdcpError.CommittedResourcePurged()));

    /// <summary>Gets the outcome.</summary>
    public ReconciliationOutcome Outcome { get; }

    /// <summary>Gets the answer to keep; <c>null</c> if there is none.</summary>
    internal ToolReply? Reply { get; }

    /// <summary>Returns the answer that the request was committed with a result.</summary>
    /// <typeparam name="T">The tool's result.</typeparam>
    /// <param name="result">The result, as the tool would have returned it.</param>
    /// <param name="contract">Its contract.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public static Reconciliation Committed<T>(T result, JsonTypeInfo<T> contract)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(contract);
        return Committed(JsonSerializer.SerializeToUtf8Bytes(result, contract));
    }

    /// <summary>Returns the answer that the request was committed with a result.</summary>
    /// <param name="result">The result, a UTF-8 JSON object.</param>
    /// <exception cref="ArgumentException">Not a JSON object.</exception>
    public static Reconciliation Committed(ReadOnlyMemory<byte> result)
    {
        ToolReply reply = ToolReply.Completed(result);
        return new(ReconciliationOutcome.Committed, reply.With(WireObject.Outgoing(result, default)));
    }

    /// <summary>Returns the answer that the request was handed off to a task of the platform's registry.</summary>
    /// <param name="taskId">The task's id.</param>
    /// <param name="status"><see cref="AdcpTaskStatus.Submitted"/> or <see cref="AdcpTaskStatus.Working"/>.</param>
    /// <param name="message">A text for people; null for none.</param>
    /// <exception cref="ArgumentException">An empty id, or another status.</exception>
    public static Reconciliation HandedOff(
        string taskId, AdcpTaskStatus status = AdcpTaskStatus.Submitted, string? message = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        return status is AdcpTaskStatus.Submitted or AdcpTaskStatus.Working
            ? new(ReconciliationOutcome.Committed, ToolReply.HandedOff(new HandedOff(taskId, status, message)))
            : throw new ArgumentException("Must be submitted or working.", nameof(status));
    }

    /// <summary>Returns the outcome only.</summary>
    public override string ToString() => Outcome.ToString();
}
