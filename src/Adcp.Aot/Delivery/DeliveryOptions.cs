using System.Buffers;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;

namespace Adcp.Aot;

/// <summary>
/// The options of one delivery or of all deliveries of a stream. Immutable. Keep one for a stream, so that the stream is looked
/// up once.
/// </summary>
public sealed record DeliveryOptions : IAttemptContext
{
    private const int MaxTenantLength = 4096;
    private const int MaxBreakerKeyLength = 512;

    private static readonly SearchValues<char> NotInBreakerKeys =
        SearchValues.Create([.. Enumerable.Range(0, 0xA0).Select(static code => (char)code)
            .Where(static c => char.IsControl(c) || c == ' ')]);

    private Endpoint? _endpoint;
    private SequenceStream? _stream;

    internal static DeliveryOptions None { get; } = new();

    /// <summary>
    /// Gets the tenant that the delivery belongs to. Each tenant has its own breakers and at most
    /// <see cref="WebhookSupervisorOptions.MaxConcurrencyPerTenant"/> attempts at a time. 1 to 4,096 characters.
    /// Default <see langword="null"/>, no tenant.
    /// </summary>
    /// <exception cref="ArgumentException">Empty or longer.</exception>
    public string? Tenant
    {
        get;
        init
        {
            field = CheckTenant(value, nameof(Tenant));

            // A copy for another tenant must not keep the endpoint of the first.
            _endpoint = null;
        }
    }

    /// <summary>
    /// Gets the stream in which the delivery is numbered. 1 to 4,096 characters. Default <see langword="null"/>, no sequence number.
    /// </summary>
    /// <exception cref="ArgumentException">Empty or longer.</exception>
    public string? SequenceKey
    {
        get;
        init
        {
            field = CheckSequenceKey(value, nameof(SequenceKey));

            // The same for its stream.
            _stream = null;
        }
    }

    /// <summary>
    /// Gets a key for the endpoint's breaker, within the tenant, which replaces origin and path. 1 to 512 characters without
    /// spaces and control characters.
    /// Default <see langword="null"/>, the key that <see cref="EndpointTable.KeyOf"/> returns.
    /// </summary>
    /// <exception cref="ArgumentException">Empty, longer, or with a space or control character.</exception>
    public string? BreakerKey
    {
        get;
        init
        {
            field = CheckBreakerKey(value, nameof(BreakerKey));
            _endpoint = null;
        }
    }

    /// <summary>Gets the notification type for the audit record. Default <see langword="null"/>, the payload's own.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    public string? NotificationType
    {
        get;
        init => field = CheckNotificationType(value, nameof(NotificationType));
    }

    /// <summary>Gets the retry policy of this delivery. Default <see langword="null"/>, the supervisor's.</summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>Returns whether both have the same values. Cached endpoints and streams do not count.</summary>
    public bool Equals(DeliveryOptions? other) => other is not null && Tenant == other.Tenant && SequenceKey == other.SequenceKey
        && BreakerKey == other.BreakerKey && NotificationType == other.NotificationType && Equals(Retry, other.Retry);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Tenant, SequenceKey, BreakerKey, NotificationType, Retry);

    /// <summary>Returns tenant, sequence key and notification type. A breaker key may be a url with secrets and is not shown.</summary>
    public override string ToString() =>
        $"{nameof(DeliveryOptions)} {{ Tenant = {Tenant}, SequenceKey = {SequenceKey}, NotificationType = {NotificationType} }}";

    /// <summary>
    /// Returns the endpoint of <see cref="BreakerKey"/>, which is not null. It is looked up once, and again if the table has
    /// forgotten it.
    /// </summary>
    internal Endpoint EndpointOf(EndpointTable table)
    {
        if (_endpoint is { } known && ReferenceEquals(known.Table, table) && !known.Evicted)
        {
            return known;
        }

        Endpoint endpoint = table.Get(BreakerKey!, Tenant);
        _endpoint = endpoint;
        return endpoint;
    }

    /// <summary>Returns the stream of <see cref="SequenceKey"/>, which is not null. It is looked up once.</summary>
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

    /// <summary>Returns a tenant that a delivery may have.</summary>
    /// <exception cref="ArgumentException">Empty or too long.</exception>
    internal static string? CheckTenant(string? value, string name) => value is null or { Length: >= 1 and <= MaxTenantLength }
        ? value
        : throw new ArgumentException($"A tenant has 1 to {MaxTenantLength} characters. Use null for none.", name);

    /// <summary>Returns a sequence key that a delivery may have.</summary>
    /// <exception cref="ArgumentException">Empty or too long.</exception>
    internal static string? CheckSequenceKey(string? value, string name) =>
        value is null or { Length: >= 1 and <= SequenceAllocator.MaxKeyLength }
            ? value
            : throw new ArgumentException($"A sequence key has 1 to {SequenceAllocator.MaxKeyLength} characters. Use null for none.", name);

    /// <summary>Returns a breaker key that a delivery may have.</summary>
    /// <exception cref="ArgumentException">Empty, too long, or with a space or control character.</exception>
    internal static string? CheckBreakerKey(string? value, string name) =>
        value is null || (value.Length is >= 1 and <= MaxBreakerKeyLength && !value.AsSpan().ContainsAny(NotInBreakerKeys))
            ? value
            : throw new ArgumentException(
                $"A breaker key has 1 to {MaxBreakerKeyLength} characters, without spaces and control characters. Use null for none.",
                name);

    /// <summary>Returns a notification type that a delivery may have.</summary>
    /// <exception cref="ArgumentException">Empty.</exception>
    internal static string? CheckNotificationType(string? value, string name) =>
        value is { Length: 0 } ? throw new ArgumentException("Must not be empty. Use null for none.", name) : value;
}
