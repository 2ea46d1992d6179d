namespace Adcp.Aot.Auditing;

/// <summary>Keeps the newest records in a ring, for tests and operator pages. Thread-safe.</summary>
public sealed class InMemoryDeliveryLogSink : IDeliveryLogSink
{
    private readonly Lock _lock = new();
    private readonly DeliveryAttemptSnapshot[] _ring;
    private long _recorded;

    /// <summary>Creates the ring.</summary>
    /// <param name="capacity">The most records kept, 1 to 1,048,576. Default 1,024.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is out of range.</exception>
    public InMemoryDeliveryLogSink(int capacity = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 20);
        _ring = new DeliveryAttemptSnapshot[capacity];
    }

    /// <summary>The number of records that the ring has received.</summary>
    public long Recorded => Volatile.Read(ref _recorded);

    /// <inheritdoc/>
    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            foreach (DeliveryAttempt attempt in attempts.Span)
            {
                _ring[_recorded++ % _ring.Length] = DeliveryAttemptSnapshot.Of(attempt);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Returns the kept records, oldest first.</summary>
    public IReadOnlyList<DeliveryAttemptSnapshot> Snapshot()
    {
        lock (_lock)
        {
            int count = (int)Math.Min(_recorded, _ring.Length);
            DeliveryAttemptSnapshot[] rows = new DeliveryAttemptSnapshot[count];
            for (int i = 0; i < count; i++)
            {
                rows[i] = _ring[(_recorded - count + i) % _ring.Length];
            }

            return rows;
        }
    }
}
