using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>reporting-status-changed-webhook</c>, since 3.2: the health of a reporting feed changed. Make the status readable before you
/// send this.
/// </summary>
public sealed class ReportingStatusChanged : SubscriberNotification
{
    private const int MaxIssues = 16;

    /// <summary>The account. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string AccountId { get; init => field = JsonWire.Name(value, nameof(AccountId)); }

    /// <summary>The delivery configuration. 1 to 64 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string DeliveryConfigId { get; init => field = JsonWire.Id(value, nameof(DeliveryConfigId), 64); }

    /// <summary>The version of the delivery configuration. At least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public required long DeliveryConfigVersion
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(DeliveryConfigVersion));
            field = value;
        }
    }

    /// <summary>The use of the feed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a purpose.</exception>
    public required ReportingFeedPurpose FeedPurpose { get; init => field = JsonWire.Defined(value, nameof(FeedPurpose)); }

    /// <summary>The health after the change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a health.</exception>
    public required ReportingHealth Health { get; init => field = JsonWire.Defined(value, nameof(Health)); }

    /// <summary>The health before the change; default null, left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a health.</exception>
    public ReportingHealth? PreviousHealth
    {
        get;
        init => field = value is { } health ? JsonWire.Defined(health, nameof(PreviousHealth)) : null;
    }

    /// <summary>The obligation that is concerned. 1 to 255 of <c>A-Z a-z 0-9 _ . : -</c>; default null, left out.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public string? ObligationId { get; init => field = value is null ? null : JsonWire.Id(value, nameof(ObligationId), 255); }

    /// <summary>
    /// The issues, 1 to 16 ids, each once; default null, left out. Required if the health is <see cref="ReportingHealth.Delayed"/> or
    /// <see cref="ReportingHealth.ActionRequired"/>.
    /// </summary>
    /// <exception cref="ArgumentException">Empty, more than 16, a duplicate, or not an id.</exception>
    public IReadOnlyList<string>? IssueIds
    {
        get;
        init => field = value is null ? null
            : value.Count > MaxIssues ? throw new ArgumentException($"At most {MaxIssues} issues.", nameof(IssueIds))
            : NonEmptyList.Of(value, nameof(IssueIds), static id => JsonWire.Id(id, nameof(IssueIds), 255));
    }

    private protected override string TypeName => "reporting.status_changed";

    private protected override AdcpVersion Since => AdcpVersion.V32;

    private protected override void WriteEvent(Utf8JsonWriter json, AdcpVersion version)
    {
        if (Health is ReportingHealth.Delayed or ReportingHealth.ActionRequired && IssueIds is null)
        {
            throw new WebhookPayloadException(
                "missing_issue_ids", "A feed that is delayed or needs an action names its issues.", nameof(IssueIds));
        }

        json.WriteString("account_id"u8, AccountId);
        json.WriteString("delivery_config_id"u8, DeliveryConfigId);
        json.WriteNumber("delivery_config_version"u8, DeliveryConfigVersion);
        json.WriteString("feed_purpose"u8, FeedPurpose.Wire());
        json.WriteText("reporting_obligation_id"u8, ObligationId);
        json.WriteString("health"u8, Health.Wire());
        json.WriteText("previous_health"u8, PreviousHealth?.Wire());
        json.WriteNames("issue_ids"u8, IssueIds);
    }
}
