using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>Whom a change of the wholesale feed applies to.</summary>
public sealed record FeedScope
{
    private FeedScope(IReadOnlyList<string>? accounts, bool isPublic)
    {
        AccountIds = accounts;
        IsPublic = isPublic;
    }

    /// <summary>Everybody who reads the feed.</summary>
    public static FeedScope Public { get; } = new(null, true);

    /// <summary>True for everybody.</summary>
    public bool IsPublic { get; }

    /// <summary>The accounts; <c>null</c> if they are not listed.</summary>
    public IReadOnlyList<string>? AccountIds { get; }

    /// <summary>Accounts only: those listed, or the subscriber's own where none is.</summary>
    /// <param name="accountIds">The accounts.</param>
    /// <exception cref="ArgumentException">Twice the same, or a blank one.</exception>
    public static FeedScope Accounts(params string[] accountIds)
    {
        ArgumentNullException.ThrowIfNull(accountIds);
        return new(accountIds.Length == 0
            ? null
            : NonEmptyList.Of(accountIds, nameof(accountIds), id => JsonWire.Name(id, nameof(accountIds))), false);
    }
}
