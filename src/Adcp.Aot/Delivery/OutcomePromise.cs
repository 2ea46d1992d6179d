using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.Delivery;

/// <summary>The awaitable outcome of a delivery that waits. Pooled.</summary>
/// <remarks>
/// The task of a pooled async method must not be given to callers: a caller that takes its result too early or twice returns the method's state to the pool while it is in use, and
/// another delivery's webhook could reach it. This promise gives its result exactly once, and throws otherwise. A caller that never awaits it leaves it to the garbage collector.
/// </remarks>
internal sealed class OutcomePromise : IValueTaskSource<DeliveryOutcome>
{
    private static readonly DefaultObjectPool<OutcomePromise> Pool = new(new DefaultPooledObjectPolicy<OutcomePromise>(), maximumRetained: 1024);

    [ThreadStatic]
    private static OutcomePromise? _spare;

    private readonly Action _onEnded;
    private ManualResetValueTaskSourceCore<DeliveryOutcome> _core;
    private ConfiguredValueTaskAwaitable<DeliveryOutcome>.ConfiguredValueTaskAwaiter _delivering;

    /// <summary>The version whose result may be taken, plus one; 0 if none may.</summary>
    private int _takeable;

    public OutcomePromise() => _onEnded = OnEnded;

    /// <summary>Returns a task of the caller's own for a delivery under way.</summary>
    internal static ValueTask<DeliveryOutcome> Of(in ValueTask<DeliveryOutcome> delivering)
    {
        OutcomePromise promise = _spare ?? Pool.Get();
        _spare = null;
        ValueTask<DeliveryOutcome> outcome = new(promise, promise._core.Version);
        ConfiguredValueTaskAwaitable<DeliveryOutcome>.ConfiguredValueTaskAwaiter awaiter = delivering.ConfigureAwait(false).GetAwaiter();
        promise._delivering = awaiter;
        if (awaiter.IsCompleted)
        {
            promise.OnEnded();
        }
        else
        {
            awaiter.UnsafeOnCompleted(promise._onEnded);
        }

        return outcome;
    }

    DeliveryOutcome IValueTaskSource<DeliveryOutcome>.GetResult(short token)
    {
        int taking = Takeable(token);
        if (Interlocked.CompareExchange(ref _takeable, 0, taking) != taking)
        {
            throw new InvalidOperationException("The delivery has not ended, or its outcome was taken already. Await the ValueTask, once.");
        }

        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            if (_spare is null)
            {
                _spare = this;
            }
            else
            {
                Pool.Return(this);
            }
        }
    }

    ValueTaskSourceStatus IValueTaskSource<DeliveryOutcome>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<DeliveryOutcome>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private static int Takeable(short version) => (ushort)version + 1;

    private void OnEnded()
    {
        DeliveryOutcome outcome;
        try
        {
            outcome = _delivering.GetResult();
        }
        catch (Exception fault)
        {
            _delivering = default;
            Volatile.Write(ref _takeable, Takeable(_core.Version));
            _core.SetException(fault);
            return;
        }

        _delivering = default;
        Volatile.Write(ref _takeable, Takeable(_core.Version));

        // The caller goes on in here and may return this to the pool: nothing comes after it.
        _core.SetResult(outcome);
    }
}
