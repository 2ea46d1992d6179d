using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>indicators-changed-webhook</c>, since 3.2. It reports that indicators changed, but not their present
/// values.
/// </summary>
public sealed class IndicatorsChanged : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The owner of the indicators.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required IndicatorScope Scope { get; init => field = value ?? throw new ArgumentNullException(nameof(Scope)); }

    /// <summary>The kind of change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a change.</exception>
    public required IndicatorChange Change { get; init => field = JsonWire.Defined(value, nameof(Change)); }

    /// <summary>The types known to be affected: one or more, each once.</summary>
    /// <exception cref="ArgumentException">Empty, a duplicate, or not a type.</exception>
    public required IReadOnlyList<IndicatorType> ChangedTypes { get; init => field = NonEmptyList.Of(value, nameof(ChangedTypes)); }

    /// <summary>The time when the seller observed it.</summary>
    public required DateTimeOffset ObservedAt { get; init; }

    private protected override string TypeName => "indicators.changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("account_id"u8, AccountId);
        json.WriteString("relationship_kind"u8, Scope.Kind);
        json.WriteString("media_buy_id"u8, Scope.MediaBuyId);
        json.WriteText("package_id"u8, Scope.PackageId);
        json.WriteText("creative_id"u8, Scope.CreativeId);
        json.WriteString("change_kind"u8, Change.Wire());
        json.WriteNames("changed_indicator_types"u8, ChangedTypes.Select(type => type.Wire()));
        json.WriteTime("observed_at"u8, ObservedAt);
    }
}
