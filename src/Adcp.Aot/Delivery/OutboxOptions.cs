namespace Adcp.Aot.Delivery;

/// <summary>The options of one webhook in an <see cref="IWebhookOutbox"/>. Immutable.</summary>
public sealed record OutboxOptions
{
    private const int MaxDeliveryIdLength = 1024;
    private const int MaxAuthorizationContextLength = 4096;

    private static readonly TimeSpan MostAge = TimeSpan.FromDays(366);

    /// <summary>Gets the tenant that the webhook belongs to, which has its own share of the outbox. 1 to 4,096 characters.</summary>
    /// <exception cref="ArgumentException">Null, empty or longer.</exception>
    public required string Tenant
    {
        get;
        init
        {
            ArgumentException.ThrowIfNullOrEmpty(value, nameof(Tenant));
            field = DeliveryOptions.CheckTenant(value, nameof(Tenant))!;
        }
    }

    /// <summary>
    /// Gets the caller's own id of the delivery, unique within the tenant. Enqueueing an id again adds nothing, so a caller may repeat a
    /// call whose answer was lost. 1 to 1,024 characters. Default <see langword="null"/>, a new delivery at each call.
    /// </summary>
    /// <exception cref="ArgumentException">Empty or longer.</exception>
    public string? DeliveryId
    {
        get;
        init => field = value is null or { Length: >= 1 and <= MaxDeliveryIdLength }
            ? value
            : throw new ArgumentException($"A delivery id has 1 to {MaxDeliveryIdLength} characters. Use null for none.",
                nameof(DeliveryId));
    }

    /// <summary>
    /// Gets the earliest time of the first attempt. <c>SqlWebhookOutbox</c> compares it with the database's clock. Default
    /// <see langword="null"/>, at once.
    /// </summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>
    /// Gets the time that the webhook may wait for its first attempt. After that it is not sent any more. Above 0 to 366 days, default
    /// <see langword="null"/>, no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Zero, negative or more than 366 days.</exception>
    public TimeSpan? MaxAge
    {
        get;
        init => field = value is null || (value > TimeSpan.Zero && value <= MostAge)
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(MaxAge), value, "Must be positive and at most 366 days. Use null for no limit.");
    }

    /// <summary>
    /// Gets the stream in which the webhook is numbered. 1 to 4,096 characters. Default <see langword="null"/>, no sequence number.
    /// </summary>
    /// <exception cref="ArgumentException">Empty or longer.</exception>
    public string? SequenceKey { get; init => field = DeliveryOptions.CheckSequenceKey(value, nameof(SequenceKey)); }

    /// <summary>
    /// Gets whether the webhooks of <see cref="SequenceKey"/> to one origin are delivered in the order of their numbers: one is sent when
    /// the one before it was delivered or has ended. Default false. It needs <see cref="SequenceKey"/>.
    /// </summary>
    public bool KeepsOrder { get; init; }

    /// <summary>
    /// Gets the data by which an <see cref="IAttemptAuthorizer"/> decides about the webhook, such as the id of its subscription. It is
    /// kept with the webhook, encrypted, and never sent. 1 to 4,096 characters. Default <see langword="null"/>, none.
    /// </summary>
    /// <exception cref="ArgumentException">Empty or longer.</exception>
    public string? AuthorizationContext
    {
        get;
        init => field = value is null or { Length: >= 1 and <= MaxAuthorizationContextLength }
            ? value
            : throw new ArgumentException(
                $"A context has 1 to {MaxAuthorizationContextLength} characters. Use null for none.", nameof(AuthorizationContext));
    }

    /// <summary>
    /// Gets a key for the endpoint's breaker, within the tenant, as <see cref="DeliveryOptions.BreakerKey"/>. 1 to 512 characters without
    /// spaces and control characters. Default <see langword="null"/>, the key of origin and path.
    /// </summary>
    /// <exception cref="ArgumentException">Empty, longer, or with a space or control character.</exception>
    public string? BreakerKey { get; init => field = DeliveryOptions.CheckBreakerKey(value, nameof(BreakerKey)); }

    /// <summary>Gets the notification type for the audit record. Default <see langword="null"/>, the payload's own.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? NotificationType { get; init => field = DeliveryOptions.CheckNotificationType(value, nameof(NotificationType)); }

    /// <summary>Returns tenant, delivery id and sequence key. A breaker key may be a url with secrets and is not shown.</summary>
    public override string ToString() =>
        $"{nameof(OutboxOptions)} {{ Tenant = {Tenant}, DeliveryId = {DeliveryId}, SequenceKey = {SequenceKey} }}";
}
