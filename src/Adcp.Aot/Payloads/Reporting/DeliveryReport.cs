using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Reporting;

/// <summary>
/// A delivery report to a <c>reporting_webhook</c>, since 3.1: the MCP envelope of a <c>media_buy_delivery</c> task
/// with the report as its result and the stream's number at <c>result.sequence_number</c>. Deliver it with a sequence
/// key for each stream. A member that begins with 3.2 is left out for 3.1. The envelope has the <c>operation_id</c> that
/// the buyer gave with its <c>reporting_webhook</c>: without one nothing is sent, and no id is made up. Immutable.
/// </summary>
public sealed class DeliveryReport : WebhookPayload
{
    /// <summary>The ongoing reporting task's durable handle. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string TaskId { get; init => field = JsonWire.Name(value, nameof(TaskId)); }

    /// <summary>The reason for the report. <c>window_update</c> exists since 3.2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a type.</exception>
    public required DeliveryReportType ReportType { get; init => field = JsonWire.Defined(value, nameof(ReportType)); }

    /// <summary>The period that it covers.</summary>
    /// <exception cref="ArgumentException">The default value.</exception>
    public required ReportingPeriod Period
    {
        get;
        init => field = value == default
            ? throw new ArgumentException("Must not be the default value: a report needs a period.", nameof(Period))
            : value;
    }

    /// <summary>
    /// The currency of all money in the report, ISO 4217. AdCP 3.2 has deprecated it: set <see cref="MediaBuyDelivery.Currency"/> instead.
    /// Default null, left out; for AdCP 3.1 it is then the currency that all rows have.
    /// </summary>
    /// <exception cref="ArgumentException">Not three capital letters.</exception>
    public string? Currency { get; init => field = value is null ? null : CheckCurrency(value, nameof(Currency)); }

    /// <summary>Gets the method by which the report's conversions were counted; default null, left out.</summary>
    public AttributionWindow? AttributionWindow { get; init; }

    /// <summary>Every media buy of the stream; may be empty.</summary>
    /// <exception cref="ArgumentException">Null, or an item is null.</exception>
    public required IReadOnlyList<MediaBuyDelivery> MediaBuys
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(MediaBuys));
            field = value.Contains(null!) ? throw new ArgumentException("Must not contain null.", nameof(MediaBuys)) : [.. value];
        }
    }

    /// <summary>
    /// The time when the next report is due. No report follows a <c>final</c> one. Default null, left out.
    /// </summary>
    public DateTimeOffset? NextExpectedAt { get; init; }

    /// <summary>
    /// The number of media buys without data. If it is 1 or more, the report is partial. Default null: both members are
    /// left out.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int? UnavailableCount
    {
        get;
        init => field = value is < 0 ? throw new ArgumentOutOfRangeException(nameof(UnavailableCount), value, "Not negative.") : value;
    }

    /// <summary>Gets whether the data is of a sandbox account; default null, left out.</summary>
    public bool? IsSandbox { get; init; }

    /// <summary>
    /// Gets errors and warnings about the data, a JSON array as UTF-8 of AdCP's <c>error</c>; default empty, left out.
    /// </summary>
    /// <exception cref="ArgumentException">Not a sound JSON array.</exception>
    public ReadOnlyMemory<byte> Errors { get; init => field = JsonWire.Json(value, JsonTokenType.StartArray, nameof(Errors)); }

    /// <summary>The request's top-level context, a JSON object echoed unchanged; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Context { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Context)); }

    /// <summary>Extensions of the result, a JSON object as UTF-8; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Ext { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Ext)); }

    /// <inheritdoc/>
    public override bool CarriesSequenceNumber => true;

    /// <inheritdoc/>
    public override string? AuditTaskId => TaskId;

    /// <inheritdoc/>
    public override string? AuditTaskType => TaskType.MediaBuyDelivery.ToWire();

    /// <summary>The report's type.</summary>
    /// <exception cref="ArgumentException">Set. It follows from <see cref="ReportType"/>.</exception>
    public override string? NotificationType
    {
        get => ReportType.Wire();
        init => throw new ArgumentException("The notification type follows from ReportType.", nameof(NotificationType));
    }

    /// <summary>Gets <c>null</c>: a delivery report has no identity beside its key.</summary>
    /// <exception cref="ArgumentException">Set.</exception>
    public override string? NotificationId
    {
        get => null;
        init => throw new ArgumentException("A delivery report has no notification id.", nameof(NotificationId));
    }

    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (ReportType == DeliveryReportType.WindowUpdate)
        {
            JsonWire.Since(facts.Version, AdcpVersion.V32, "window_update");
        }

        if (ReportType == DeliveryReportType.Final && NextExpectedAt is not null)
        {
            throw new WebhookPayloadException("next_after_final", "No report follows a final one; leave NextExpectedAt out.",
                nameof(NextExpectedAt));
        }

        if (ReportType == DeliveryReportType.Adjusted && !MediaBuys.Any(buy => buy.IsAdjusted == true))
        {
            throw new WebhookPayloadException("nothing_adjusted",
                "An adjusted report marks the rows it replaces with IsAdjusted.", nameof(MediaBuys));
        }

        if (ReportType == DeliveryReportType.WindowUpdate
            && !MediaBuys.Any(buy => buy.ByPackage.Any(package => package.SupersedesWindow is not null)))
        {
            throw new WebhookPayloadException("nothing_superseded",
                "A window update names in SupersedesWindow the window that a package's numbers replace.", nameof(MediaBuys));
        }

        string? currency = Currency;
        foreach (MediaBuyDelivery buy in MediaBuys)
        {
            buy.CheckMoney(Currency);
            currency = facts.Version < AdcpVersion.V32 ? currency ?? buy.Currency : currency;
        }

        if (facts.Version < AdcpVersion.V32)
        {
            CheckOneCurrency(currency);
        }

        new McpWebhook
        {
            TaskId = TaskId,
            TaskType = TaskType.MediaBuyDelivery,
            Status = AdcpTaskStatus.Completed,
            Protocol = AdcpProtocol.MediaBuy,
            Result = Result(facts.Version, currency),
            Context = Context,
            NumbersResult = true,
        }.Write(output, facts);
    }

    internal static string CheckCurrency(string? value, string name)
    {
        ArgumentNullException.ThrowIfNull(value, name);
        return value is [>= 'A' and <= 'Z', >= 'A' and <= 'Z', >= 'A' and <= 'Z']
            ? value
            : throw new ArgumentException("A currency is three capital letters (ISO 4217).", name);
    }

    /// <summary>Refuses a report that AdCP 3.1 cannot express: its money has one currency, which the report states.</summary>
    private void CheckOneCurrency(string? currency)
    {
        bool isOne = currency is not null && MediaBuys.All(buy =>
            (buy.Currency ?? currency) == currency && buy.Totals.Spend is not null
            && buy.ByPackage.All(package => (package.Currency ?? currency) == currency));
        if (!isOne)
        {
            throw new WebhookPayloadException(
                "not_in_this_version", "Before AdCP 3.2 all rows of a report have one currency and a spend.", nameof(Currency));
        }
    }

    private ReadOnlyMemory<byte> Result(AdcpVersion version, string? currency)
    {
        ArrayBufferWriter<byte> output = new(1024);
        using (Utf8JsonWriter json = new(output, JsonWire.Compact))
        {
            json.WriteStartObject();
            json.WriteString("notification_type"u8, ReportType.Wire());
            json.WriteTime("next_expected_at"u8, NextExpectedAt);
            if (UnavailableCount is { } unavailable)
            {
                json.WriteBoolean("partial_data"u8, unavailable > 0);
                if (unavailable > 0)
                {
                    json.WriteNumber("unavailable_count"u8, unavailable);
                }
            }

            json.WriteStartObject("reporting_period"u8);
            json.WriteTime("start"u8, Period.Start);
            json.WriteTime("end"u8, Period.End);
            json.WriteText("timezone"u8, version >= AdcpVersion.V32 ? Period.TimeZone : null);
            json.WriteEndObject();
            json.WriteText("currency"u8, currency);
            AttributionWindow?.Write(json);
            json.WriteStartArray("media_buy_deliveries"u8);
            foreach (MediaBuyDelivery buy in MediaBuys)
            {
                buy.Write(json, version);
            }

            json.WriteEndArray();
            json.WriteJson("errors"u8, Errors);
            json.WriteFlag("sandbox"u8, IsSandbox);
            json.WriteJson("ext"u8, Ext);
            json.WriteEndObject();
        }

        return output.WrittenMemory;
    }
}
