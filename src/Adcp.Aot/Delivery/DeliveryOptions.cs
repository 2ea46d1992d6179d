using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Delivery;

/// <summary>How one delivery, or all of one stream, is made. Immutable: keep one for a stream and its look-up is made once.</summary>
public sealed record DeliveryOptions
{
    internal static DeliveryOptions None { get; } = new();

    /// <summary>The stream the delivery is numbered in; default null, no number.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? SequenceKey
    {
        get;
        init => field = NotEmpty(value, nameof(SequenceKey));
    }

    /// <summary>The breaker that judges the endpoint, such as tenant and url; default null, the canonical url.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? BreakerKey
    {
        get;
        init => field = NotEmpty(value, nameof(BreakerKey));
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

    /// <summary>The stream last resolved for <see cref="SequenceKey"/>, and by whom. Replaced as a whole.</summary>
    private ResolvedStream? Resolved { get; set; }

    /// <inheritdoc/>
    public bool Equals(DeliveryOptions? other) => other is not null && SequenceKey == other.SequenceKey && BreakerKey == other.BreakerKey
        && NotificationType == other.NotificationType && Equals(Retry, other.Retry);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(SequenceKey, BreakerKey, NotificationType, Retry);

    internal SequenceStream StreamOf(SequenceAllocator allocator)
    {
        if (Resolved is { } resolved && ReferenceEquals(resolved.Allocator, allocator) && ReferenceEquals(resolved.Stream.Key, SequenceKey))
        {
            return resolved.Stream;
        }

        SequenceStream stream = allocator.GetStream(SequenceKey!);
        Resolved = new ResolvedStream(allocator, stream);
        return stream;
    }

    private static string? NotEmpty(string? value, string name) =>
        value is { Length: 0 } ? throw new ArgumentException("Null for none; an empty string names nothing.", name) : value;

    private sealed record ResolvedStream(SequenceAllocator Allocator, SequenceStream Stream);
}
