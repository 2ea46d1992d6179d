using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>creative-assignment-changed-webhook</c>, since 3.2.</summary>
public sealed class CreativeAssignmentChanged : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The media buy. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string MediaBuyId { get; init => field = JsonWire.Name(value, nameof(MediaBuyId)); }

    /// <summary>The package. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string PackageId { get; init => field = JsonWire.Name(value, nameof(PackageId)); }

    /// <summary>The creative. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string CreativeId { get; init => field = JsonWire.Name(value, nameof(CreativeId)); }

    /// <summary>The kind of change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a change.</exception>
    public required AssignmentChange Change { get; init => field = JsonWire.Defined(value, nameof(Change)); }

    /// <summary>The time when the seller recorded it.</summary>
    public required DateTimeOffset ObservedAt { get; init; }

    private protected override string TypeName => "creative.assignment_changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("account_id"u8, AccountId);
        json.WriteString("media_buy_id"u8, MediaBuyId);
        json.WriteString("package_id"u8, PackageId);
        json.WriteString("creative_id"u8, CreativeId);
        json.WriteString("change_kind"u8, Change.Wire());
        json.WriteTime("observed_at"u8, ObservedAt);
    }
}
