using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The challenge to an account-level subscriber (AdCP's <c>webhook-challenge</c>).</summary>
public sealed class AccountWebhookChallenge : WebhookChallenge
{
    /// <summary>
    /// Gets the types that an account-level subscriber may ask for in AdCP 3.2. <see cref="EventTypesOf"/> has the earlier ones.
    /// </summary>
    public static IReadOnlyList<string> AllowedEventTypes { get; } =
    [
        "creative.status_changed", "creative.assignment_changed", "indicators.changed", "creative.purged",
        "account.status_changed", "account.change_recorded", "product.created", "product.updated",
        "product.priced", "product.removed", "signal.created", "signal.updated", "signal.priced", "signal.removed",
        "wholesale_feed.bulk_change", "reporting.delivery_ready", "reporting.status_changed", "reporting.ledger_changed",
    ];

    /// <summary>The types of <see cref="AllowedEventTypes"/> that AdCP 3.1 does not have.</summary>
    private static readonly string[] Since32 =
    [
        "creative.assignment_changed", "indicators.changed", "account.status_changed", "account.change_recorded",
        "reporting.delivery_ready", "reporting.status_changed", "reporting.ledger_changed",
    ];

    /// <summary>Gets the types that an account-level subscriber may ask for in an AdCP version. Subscriptions begin with 3.1.</summary>
    /// <param name="version">The version.</param>
    public static IReadOnlyList<string> EventTypesOf(AdcpVersion version) =>
        version >= AdcpVersion.V32 ? AllowedEventTypes
        : version >= AdcpVersion.V31 ? [.. AllowedEventTypes.Except(Since32)]
        : [];

    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>
    /// The types that the candidate wants: one or more of <see cref="AllowedEventTypes"/>, each once. Written in
    /// ordinal order.
    /// </summary>
    /// <exception cref="ArgumentException">Empty, a duplicate, or not allowed at account level.</exception>
    public required IReadOnlyList<string> EventTypes
    {
        get;
        init => field = [.. NonEmptyList.Of(value, nameof(EventTypes), type => AllowedEventTypes.Contains(type)
            ? type
            : throw new ArgumentException("Must be an event type of account-level subscribers.", nameof(EventTypes)))
            .Order(StringComparer.Ordinal)];
    }

    private protected override AdcpVersion Since => EventTypes.Intersect(Since32).Any() ? AdcpVersion.V32 : AdcpVersion.V31;

    private protected override IReadOnlyList<string> Events => EventTypes;

    private protected override void WriteScope(Utf8JsonWriter json) => json.WriteString("account_id"u8, AccountId);
}
