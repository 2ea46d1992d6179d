using System.Globalization;

namespace Adcp.Aot.Operations;

/// <summary>A query for dead letters, the newest first. Members that are null admit every dead letter. Immutable.</summary>
public sealed record DeadLetterQuery
{
    private const int MaxIds = 1000;
    private const int EndpointIdLength = 16;

    /// <summary>Gets the tenant.</summary>
    public string? Tenant { get; init; }

    /// <summary>Gets the <see cref="DeadLetter.Reason"/>.</summary>
    public string? Reason { get; init; }

    /// <summary>Gets the <see cref="EndpointStatus.Id"/> of the endpoint: 16 hexadecimal digits in lower case.</summary>
    /// <exception cref="ArgumentException">Not 16 hexadecimal digits in lower case.</exception>
    public string? EndpointId
    {
        get;
        init => field = value is null || (value.Length == EndpointIdLength && value.All(char.IsAsciiHexDigitLower))
            ? value
            : throw new ArgumentException("The id of an endpoint is 16 hexadecimal digits in lower case.", nameof(EndpointId));
    }

    /// <summary>
    /// Gets the <see cref="DeadLetter.NotificationType"/>. It is not found if the webhook ended before version 3 of the outbox's tables,
    /// or in a process of an earlier release, or if its row cannot be read.
    /// </summary>
    public string? NotificationType { get; init; }

    /// <summary>Gets the ids. 1 to 1,000; an id that is there twice counts once.</summary>
    /// <exception cref="ArgumentException">No ids, or more than 1,000.</exception>
    public IReadOnlyList<long>? Ids
    {
        get;
        init => field = value is null ? null
            : value.Count is >= 1 and <= MaxIds ? [.. value.Distinct()]
            : throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"A query has 1 to {MaxIds} ids, or null for all."), nameof(Ids));
    }

    /// <summary>
    /// Gets the id below which the page begins: the last id of the page before, which is its <see cref="OperationsPage{T}.Next"/> too.
    /// Default <see langword="null"/>, the newest.
    /// </summary>
    public long? Before { get; init; }

    /// <summary>Gets the most rows of the page. 1 to 1,000, default 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000.</exception>
    public int Limit
    {
        get;
        init => field = PageLimit.Check(value, nameof(Limit));
    } = PageLimit.Default;

    /// <summary>Returns the name of the type: a filter may contain a secret.</summary>
    public override string ToString() => nameof(DeadLetterQuery);
}
