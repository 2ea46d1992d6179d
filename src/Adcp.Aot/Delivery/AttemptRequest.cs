namespace Adcp.Aot.Delivery;

/// <summary>One attempt of a delivery that is kept elsewhere, such as a row of an outbox. Immutable.</summary>
public sealed record AttemptRequest
{
    /// <summary>Creates a request for the first attempt.</summary>
    /// <param name="webhook">The frozen webhook.</param>
    /// <exception cref="ArgumentNullException"><paramref name="webhook"/> is null.</exception>
    public AttemptRequest(PreparedWebhook webhook)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        Webhook = webhook;
    }

    /// <summary>Gets the frozen webhook.</summary>
    public PreparedWebhook Webhook { get; }

    /// <summary>Gets the options of the delivery; <see langword="null"/> for none.</summary>
    public DeliveryOptions? Options { get; init; }

    /// <summary>Gets the number of this attempt, from 1. 1 to 65,535, default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 65,535.</exception>
    public int AttemptNumber { get; init => field = Require.InRange(value, 1, ushort.MaxValue, nameof(AttemptNumber)); } = 1;

    /// <summary>
    /// Gets the sequence number of the delivery if it has one already. Default <see langword="null"/>: the webhook's
    /// own, or else the next one of <see cref="DeliveryOptions.SequenceKey"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public long? SequenceNumber
    {
        get;
        init
        {
            if (value is { } number)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(number, 1, nameof(SequenceNumber));
            }

            field = value;
        }
    }

    /// <summary>
    /// Gets whether the endpoint failed before this process knew it. Its circuit is then half-open instead of closed if nothing was sent
    /// to it yet, so that a dead endpoint costs one probe after a restart. Default false.
    /// </summary>
    public bool IsProbe { get; init; }

    /// <summary>
    /// Gets the time that is left for the delivery. If the next attempt would begin later, this one is the last and its
    /// status is <see cref="DeliveryStatus.DeadlineExceeded"/>. The attempt itself is not cut short. Default
    /// <see langword="null"/>, no limit.
    /// </summary>
    public TimeSpan? TimeLeft { get; init; }

    /// <summary>
    /// Gets the W3C <c>traceparent</c> of the span in which the webhook was enqueued. The span of the attempt links to it. Default
    /// <see langword="null"/>, none.
    /// </summary>
    public string? TraceParent { get; init; }
}
