namespace Adcp.Aot.Auditing;

/// <summary>
/// The timeout of one call of a sink. If the timeout did not pass, it is used again for the next call. Either the call
/// ends in time or it is late; the first of the two decides.
/// </summary>
/// <remarks>
/// The sink gets a separate token, and the timeout cancels it inside a guard. A callback that the sink registers may
/// throw, and a timer that cancels the sink's token directly would end the process.
/// </remarks>
internal sealed class SinkCall : IDisposable
{
    private const int Running = 0;
    private const int Ended = 1;
    private const int Late = 2;

    private readonly TimeSpan _timeout;
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationTokenSource _sink = new();
    private readonly Action<SinkCall> _whenLate;
    private volatile Task? _recording;
    private int _state;

    /// <summary>Creates the timeout of a call.</summary>
    /// <param name="timeout">The time that a call may take.</param>
    /// <param name="time">The clock that measures it.</param>
    /// <param name="whenLate">Called at most once for a call, when it is found late and before the sink's token is cancelled.</param>
    internal SinkCall(TimeSpan timeout, TimeProvider time, Action<SinkCall> whenLate)
    {
        _timeout = timeout;
        _deadline = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _whenLate = whenLate;
    }

    /// <summary>Gets how many records the call has.</summary>
    internal int Count { get; private set; }

    /// <summary>
    /// Gets or sets the sink's task, if it returned one that was not completed. A call whose task is completed is not
    /// late, even if the timeout passes before it is seen.
    /// </summary>
    internal Task? Recording
    {
        get => _recording;
        set => _recording = value;
    }

    /// <summary>Gets the token for the sink.</summary>
    internal CancellationToken Token => _sink.Token;

    /// <summary>Gets a token that is cancelled when the timeout has passed.</summary>
    internal CancellationToken Deadline => _deadline.Token;

    /// <summary>Starts the timeout.</summary>
    /// <param name="count">The number of records of the call.</param>
    internal void Begin(int count)
    {
        Count = count;
        Recording = null;
        Volatile.Write(ref _state, Running);
        _deadline.Token.UnsafeRegister(static call => ((SinkCall)call!).Expire(), this);
        _deadline.CancelAfter(_timeout);
    }

    /// <summary>Ends the call. Returns <c>false</c> if it was found late before.</summary>
    internal bool TryEnd() => Interlocked.CompareExchange(ref _state, Ended, Running) == Running;

    /// <summary>Declares the call late and cancels the sink's token, unless it has ended or is late already.</summary>
    internal void Expire()
    {
        if (Recording is { IsCompleted: true } || Interlocked.CompareExchange(ref _state, Late, Running) != Running)
        {
            return;
        }

        _whenLate(this);
        try
        {
            _sink.Cancel();
        }
        catch (Exception)
        {
            // A callback of the sink threw, or the call ended and was disposed in the meantime. Neither matters: the
            // call is late.
        }
    }

    /// <summary>
    /// Prepares the object for another call. Returns <c>false</c> if its timeout has passed or may be passing.
    /// </summary>
    internal bool TryReset() => Volatile.Read(ref _state) == Ended && _deadline.TryReset() && _sink.TryReset();

    public void Dispose()
    {
        _deadline.Dispose();
        _sink.Dispose();
    }
}
