using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Delivery;

/// <summary>How one delivery, or all of one stream, is made. Immutable: keep one for a stream and its look-up is made once.</summary>
public sealed record DeliveryOptions : IAttemptContext
{
    private Endpoint? _endpoint;
    private SequenceStream? _stream;

    internal static DeliveryOptions None { get; } = new();

    /// <summary>The stream the delivery is numbered in; default null, no number.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? SequenceKey
    {
        get;
        init
        {
            field = NotEmpty(value, nameof(SequenceKey));

            // A copy with another key must not keep the stream of the first.
            _stream = null;
        }
    }

    /// <summary>The breaker that judges the endpoint, such as tenant and url; default null, the canonical url.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? BreakerKey
    {
        get;
        init
        {
            field = NotEmpty(value, nameof(BreakerKey));

            // The same for its endpoint.
            _endpoint = null;
        }
    }

    /// <summary>The notification type for the audit record; default null, the payload's own.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? NotificationType
    {
        get;
        init => field = NotEmpty(value, nameof(NotificationType));
    }

    /// <summary>A policy for this delivery; default null, the supervisor's.</summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>The endpoint of <see cref="BreakerKey"/>, looked up once for a table; again where that table has forgotten it. Key is not null.</summary>
    internal Endpoint EndpointOf(EndpointTable table)
    {
        if (_endpoint is { } known && ReferenceEquals(known.Table, table) && !known.Evicted)
        {
            return known;
        }

        Endpoint endpoint = table.Get(BreakerKey!);
        _endpoint = endpoint;
        return endpoint;
    }

    /// <summary>The stream, where it is already resolved; looking it up may throw and is left to the slow road.</summary>
    internal bool TryGetStream(SequenceAllocator allocator, out SequenceStream? stream)
    {
        stream = null;
        if (SequenceKey is null)
        {
            return true;
        }

        stream = _stream;
        return stream is not null && ReferenceEquals(stream.Owner, allocator);
    }

    /// <inheritdoc/>
    public bool Equals(DeliveryOptions? other) => other is not null && SequenceKey == other.SequenceKey && BreakerKey == other.BreakerKey
        && NotificationType == other.NotificationType && Equals(Retry, other.Retry);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(SequenceKey, BreakerKey, NotificationType, Retry);

    internal SequenceStream StreamOf(SequenceAllocator allocator)
    {
        if (_stream is { } known && ReferenceEquals(known.Owner, allocator))
        {
            return known;
        }

        SequenceStream stream = allocator.GetStream(SequenceKey!);
        _stream = stream;
        return stream;
    }

    private static string? NotEmpty(string? value, string name) =>
        value is { Length: 0 } ? throw new ArgumentException("Null for none; an empty string names nothing.", name) : value;
}
