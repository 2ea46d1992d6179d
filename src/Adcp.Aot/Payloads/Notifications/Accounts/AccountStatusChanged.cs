using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>account-status-changed-webhook</c>, since 3.2.</summary>
public sealed class AccountStatusChanged : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The status before the change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public required AccountStatus PreviousStatus { get; init => field = JsonWire.Defined(value, nameof(PreviousStatus)); }

    /// <summary>The status after the change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public required AccountStatus Status { get; init => field = JsonWire.Defined(value, nameof(Status)); }

    /// <summary>The time when the seller recorded it.</summary>
    public required DateTimeOffset ObservedAt { get; init; }

    /// <summary>The reason.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a reason.</exception>
    public required AccountReasonCode ReasonCode { get; init => field = JsonWire.Defined(value, nameof(ReasonCode)); }

    /// <summary>A short text for people, without secrets. At most 500 characters; default null, left out.</summary>
    /// <exception cref="ArgumentException">Too long.</exception>
    public string? ReasonDetail { get; init => field = JsonWire.Text(value, 500, nameof(ReasonDetail), allowControl: true); }

    /// <summary>The task of a person; default null, left out.</summary>
    public AccountSetup? Setup { get; init; }

    private protected override string TypeName => "account.status_changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("account_id"u8, AccountId);
        json.WriteString("previous_status"u8, PreviousStatus.Wire());
        json.WriteString("status"u8, Status.Wire());
        json.WriteTime("observed_at"u8, ObservedAt);
        json.WriteString("reason_code"u8, ReasonCode.Wire());
        json.WriteText("reason_detail"u8, ReasonDetail);
        if (Setup is not null)
        {
            json.WriteStartObject("setup"u8);
            json.WriteString("message"u8, Setup.Message);
            json.WriteTime("expires_at"u8, Setup.ExpiresAt);
            json.WriteEndObject();
        }
    }
}
