using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>account-change-recorded-webhook</c>, since 3.2: a change was added to the account's change feed. Add it before you send this.
/// Sellers that send it list <c>account.change_feed</c> among their experimental features.
/// </summary>
public sealed class AccountChangeRecorded : SubscriberNotification
{
    private const int MaxExtensions = 20;

    /// <summary>The account. 1 to 255 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId), 255); }

    /// <summary>The time when the seller recorded the change.</summary>
    public required DateTimeOffset RecordedAt { get; init; }

    /// <summary>The resource that changed.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required ChangedResource Resource { get; init => field = value ?? throw new ArgumentNullException(nameof(Resource)); }

    /// <summary>The change, such as <c>updated</c>. 1 to 100 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string Action { get; init => field = JsonWire.Name(value, nameof(Action), 100); }

    /// <summary>The position of the feed that includes the change. 1 to 4096 characters; default null, left out.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public string? ThroughCursor { get; init => field = value is null ? null : JsonWire.Name(value, nameof(ThroughCursor), 4096); }

    private protected override string TypeName => "account.change_recorded";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        if (!Ext.IsEmpty)
        {
            using JsonDocument document = JsonDocument.Parse(Ext);
            if (document.RootElement.EnumerateObject().Count() > MaxExtensions)
            {
                throw new WebhookPayloadException("too_many_extensions", $"At most {MaxExtensions} members.", nameof(Ext));
            }
        }

        json.WriteString("account_id"u8, AccountId);

        // The event is the change: one id names both.
        json.WriteString("change_id"u8, NotificationId);
        json.WriteTime("recorded_at"u8, RecordedAt);
        json.WriteStartObject("resource"u8);
        json.WriteString("type"u8, Resource.Type);
        json.WriteString("resource_id"u8, Resource.ResourceId);
        if (Resource.ParentIds is { } parents)
        {
            json.WriteStartObject("parent_ids"u8);
            foreach ((string kind, string id) in parents)
            {
                json.WriteString(kind, id);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteString("action"u8, Action);
        json.WriteText("through_cursor"u8, ThroughCursor);
    }
}
