using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Passes the same records to several sinks at once. Each sink gets copies, on its own thread: a sink that throws,
/// blocks or never ends cannot keep records from the other sinks. Thread-safe.
/// </summary>
/// <remarks>
/// When the token is cancelled, a sink that has not ended its call is abandoned with its copies. If such calls of a
/// sink hold 256 records or more, that sink is not called. The call then fails, so that the supervisor counts it.
/// </remarks>
public sealed class FanOutDeliveryLogSink : IDeliveryLogSink
{
    /// <summary>The number of records in abandoned calls of a sink at which the sink is not called.</summary>
    private const int MaxLateRecords = 256;

    private readonly Branch[] _branches;

    /// <summary>Creates the fan-out.</summary>
    /// <param name="sinks">At least one sink, none null.</param>
    /// <exception cref="ArgumentException">No sink, or a null among them.</exception>
    public FanOutDeliveryLogSink(params IDeliveryLogSink[] sinks)
    {
        ArgumentNullException.ThrowIfNull(sinks);
        if (sinks.Length == 0 || Array.Exists(sinks, static sink => sink is null))
        {
            throw new ArgumentException("A fan-out needs at least one sink, and none may be null.", nameof(sinks));
        }

        _branches = Array.ConvertAll(sinks, static sink => new Branch(sink));
    }

    /// <inheritdoc/>
    /// <exception cref="AggregateException">At least one sink threw, was abandoned, or was not called.</exception>
    public async ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        Task<Exception?>[] calls = Array.ConvertAll(_branches, branch => branch.CallAsync(attempts.Span, cancellationToken));
        Task all = Task.WhenAll(calls);
        await all.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        List<Exception> faults = [];
        for (int i = 0; i < calls.Length; i++)
        {
            Exception? fault = calls[i].IsCompleted
                ? await calls[i].ConfigureAwait(false)
                : _branches[i].LeaveBehind(calls[i], attempts.Length);
            if (fault is not null)
            {
                faults.Add(fault);
            }
        }

        if (faults.Count > 0)
        {
            throw new AggregateException("At least one sink of the fan-out failed.", faults);
        }
    }

    /// <summary>One sink and the copies that its calls hold.</summary>
    private sealed class Branch(IDeliveryLogSink sink)
    {
        private readonly ObjectPool<DeliveryAttempt> _copies = new DefaultObjectPool<DeliveryAttempt>(new CopyPolicy(), MaxLateRecords);
        private int _lateRecords;

        /// <summary>Calls the sink on a thread of the pool, in the context of the caller.</summary>
        /// <returns>A task that never faults. Its result is the sink's exception, or null.</returns>
        internal Task<Exception?> CallAsync(ReadOnlySpan<DeliveryAttempt> attempts, CancellationToken cancellationToken)
        {
            if (Volatile.Read(ref _lateRecords) >= MaxLateRecords)
            {
                return Task.FromResult<Exception?>(
                    new TimeoutException($"{sink.GetType().Name} was not called: earlier calls have not ended."));
            }

            DeliveryAttempt[] copies = new DeliveryAttempt[attempts.Length];
            for (int i = 0; i < copies.Length; i++)
            {
                copies[i] = _copies.Get();
                copies[i].CopyFrom(attempts[i]);
            }

            return RecordAsync(copies, cancellationToken);
        }

        /// <summary>Counts the records of a call that continues although its batch has ended, until it ends.</summary>
        internal TimeoutException LeaveBehind(Task<Exception?> call, int records)
        {
            Interlocked.Add(ref _lateRecords, records);
            call.ContinueWith(
                _ => Interlocked.Add(ref _lateRecords, -records),
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            return new TimeoutException($"{sink.GetType().Name} has not ended its call.");
        }

        private async Task<Exception?> RecordAsync(DeliveryAttempt[] copies, CancellationToken cancellationToken)
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            try
            {
                // As a task: a sink's own value task source may call back twice, or throw when it is awaited.
                await sink.RecordAsync(copies, cancellationToken).AsTask().ConfigureAwait(false);
                return null;
            }
            catch (Exception fault)
            {
                return fault;
            }
            finally
            {
                Array.ForEach(copies, _copies.Return);
            }
        }
    }

    private sealed class CopyPolicy : PooledObjectPolicy<DeliveryAttempt>
    {
        public override DeliveryAttempt Create() => new();

        public override bool Return(DeliveryAttempt obj)
        {
            obj.Clear();
            return true;
        }
    }
}
