using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Platform;

/// <summary>
/// The work that a call was handed off with. It starts when the tool has returned it, because only the dispatch knows the contract of its
/// result. Thread-safe.
/// </summary>
internal abstract class DeferredWork(BackgroundWork background, string tenant, string taskId)
{
    private readonly TaskCompletionSource<WorkOutcome> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isStarted;

    /// <summary>Gets how the work ended. Never faulted.</summary>
    internal Task<WorkOutcome> Ended => _ended.Task;

    /// <summary>Fails the task of a work that the tool did not return, unless it has started.</summary>
    internal void Abandon() => Start(static _ => throw new InvalidOperationException(
        "The tool handed the call off with work, and did not return what HandOffAsync returned. The work was not started."));

    /// <summary>Starts the work, unless it has started.</summary>
    protected void Start(Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> work)
    {
        if (Interlocked.Exchange(ref _isStarted, 1) == 0)
        {
            _ = EndAsync(background.Start(tenant, taskId, work, isReserved: true));
        }
    }

    private async Task EndAsync(Task<WorkOutcome> running) => _ended.SetResult(await running.ConfigureAwait(false));
}

/// <summary>The same with the type of the result.</summary>
internal sealed class DeferredWork<T>(BackgroundWork background, string tenant, string taskId, Func<CancellationToken, ValueTask<T>> work)
    : DeferredWork(background, tenant, taskId)
{
    /// <summary>Starts the work, unless it has started.</summary>
    internal void Start(JsonTypeInfo<T> contract) => Start(BackgroundWork.Writing(work, contract));
}
