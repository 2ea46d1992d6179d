namespace Adcp.Aot.Storage;

/// <summary>
/// A piece of work of <see cref="SqliteOutboxWriter"/>. It shares a transaction with others, and runs again if that fails.
/// </summary>
internal abstract class SqliteOutboxWork
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int Withdrawn = 2;

    private int _state;

    /// <summary>Gets the number of rows it changes.</summary>
    internal required int Rows { get; init; }

    /// <summary>Gets the bytes of the rows it changes.</summary>
    internal required long Bytes { get; init; }

    /// <summary>Gets or sets when it began to wait, a timestamp.</summary>
    internal long Since { get; set; }

    /// <summary>Takes it out of the queue.</summary>
    /// <returns>False if its caller has given up.</returns>
    internal bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Waiting) == Waiting;

    /// <summary>Runs the work inside a transaction.</summary>
    internal abstract void Run(SqliteOutboxSession session);

    /// <summary>Gives the result to the caller after the commit.</summary>
    internal abstract void Complete();

    /// <summary>Gives the caller the exception instead of a result.</summary>
    internal abstract void Fail(Exception fault);

    /// <summary>Withdraws the work unless a transaction has begun with it.</summary>
    protected bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Waiting) == Waiting;
}

/// <summary>Work with a result.</summary>
internal sealed class SqliteOutboxWork<T>(Func<SqliteOutboxSession, T> run) : SqliteOutboxWork
{
    private readonly TaskCompletionSource<T> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;

    internal override void Run(SqliteOutboxSession session) => _result = run(session);

    internal override void Complete() => _completed.TrySetResult(_result!);

    internal override void Fail(Exception fault) => _completed.TrySetException(fault);

    /// <summary>Returns the result. Cancelling ends the work only while it waits, because a half-done commit would be in doubt.</summary>
    internal async ValueTask<T> WaitAsync(CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
        {
            return await _completed.Task.ConfigureAwait(false);
        }

        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (work, token) => ((SqliteOutboxWork<T>)work!).Cancel(token), this);
        await using (registration.ConfigureAwait(false))
        {
            return await _completed.Task.ConfigureAwait(false);
        }
    }

    private void Cancel(CancellationToken token)
    {
        if (TryWithdraw())
        {
            _completed.TrySetCanceled(token);
        }
    }
}
