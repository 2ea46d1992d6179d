namespace Adcp.Aot.Threading;

/// <summary>
/// Calls a user's code, such as a key source, a remote signer or a claim store, so that it may throw, block its thread or
/// never return, and the caller still continues. Thread-safe.
/// </summary>
/// <remarks>
/// A call runs on the thread pool, with a token of its own and a time limit. A call that passes the limit is cancelled and abandoned,
/// and counted until it returns. When <see cref="MaxAbandoned"/> calls are abandoned, further ones fail at once, so that stuck calls
/// cannot collect without bound. Callbacks that the called code registers with its token run on the pool too, so one that throws or
/// blocks cannot reach the timer or the thread that gives the call up.
/// </remarks>
/// <param name="name">The name of the called code, for exceptions.</param>
/// <param name="time">The clock of the limit.</param>
internal sealed class CallGuard(string name, TimeProvider time)
{
    /// <summary>The maximum number of abandoned calls that have not returned.</summary>
    internal const int MaxAbandoned = 64;

    private int _abandoned;

    /// <summary>Makes a call.</summary>
    /// <param name="state">Passed to <paramref name="call"/>.</param>
    /// <param name="call">The call. Its token is cancelled when the call is given up.</param>
    /// <param name="limit">The longest wait; <see cref="Timeout.InfiniteTimeSpan"/> if only the token ends it.</param>
    /// <param name="cancellationToken">Gives the call up.</param>
    /// <exception cref="TimeoutException">The limit passed, or too many earlier calls have not returned.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    internal async ValueTask<T> RunAsync<TState, T>(
        TState state, Func<TState, CancellationToken, ValueTask<T>> call, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _abandoned) >= MaxAbandoned)
        {
            throw new TimeoutException($"{name} was not called: {MaxAbandoned} earlier calls have not returned.");
        }

        CancellationTokenSource ending = new();
        Task<T> running = Task.Run(() => call(state, ending.Token).AsTask(), CancellationToken.None);
        try
        {
            return await running.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!running.IsCompleted)
        {
            throw new TimeoutException($"{name} did not answer within {limit.TotalSeconds:0.###} s.");
        }
        finally
        {
            if (running.IsCompleted)
            {
                ending.Dispose();
            }
            else
            {
                Interlocked.Increment(ref _abandoned);
                _ = AwaitAbandonedAsync(running, ending);
            }
        }
    }

    /// <summary>Cancels a source. Callbacks that are registered with it may throw or block.</summary>
    internal static async Task CancelQuietlyAsync(CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // A callback of the cancelled code failed. Its call is abandoned anyway.
        }
    }

    private async Task AwaitAbandonedAsync(Task running, CancellationTokenSource ending)
    {
        await CancelQuietlyAsync(ending).ConfigureAwait(false);
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _abandoned);
        ending.Dispose();
    }
}
