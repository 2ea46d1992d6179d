using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The accounts that a change of the wholesale feed applies to.</summary>
public sealed record FeedScope
{
    private FeedScope(IReadOnlyList<string>? accounts, bool isPublic)
    {
        AccountIds = accounts;
        IsPublic = isPublic;
    }

    /// <summary>Gets the scope of all readers of the feed.</summary>
    public static FeedScope Public { get; } = new(null, true);

    /// <summary>Gets whether the change applies to all readers.</summary>
    public bool IsPublic { get; }

    /// <summary>The accounts; <c>null</c> if they are not listed.</summary>
    public IReadOnlyList<string>? AccountIds { get; }

    /// <summary>Returns a scope of the listed accounts, or of the subscriber's own if none is listed.</summary>
    /// <param name="accountIds">The accounts.</param>
    /// <exception cref="ArgumentException">A duplicate, or a blank one.</exception>
    public static FeedScope Accounts(params string[] accountIds)
    {
        ArgumentNullException.ThrowIfNull(accountIds);
        return new(accountIds.Length == 0
            ? null
            : NonEmptyList.Of(accountIds, nameof(accountIds), id => JsonWire.Name(id, nameof(accountIds))), false);
    }
}
