using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>reporting-ledger-changed-webhook</c>, since 3.2: a revision or an adjustment was published in an account's reporting ledger.
/// </summary>
public sealed class ReportingLedgerChanged : SubscriberNotification
{
    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The record that was published.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required ReportingLedgerChange Change { get; init => field = value ?? throw new ArgumentNullException(nameof(Change)); }

    private protected override string TypeName => "reporting.ledger_changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteString("account_id"u8, AccountId);
        Change.Write(json);
    }
}
