using System.Text.Json;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Reporting;
using CsCheck;

namespace Adcp.Aot.Tests.Payloads.Reporting;

public sealed class DeliveryReportTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static readonly EnvelopeContext Facts = new(AdcpVersion.V32, "whk_0123456789abcdef", Noon, "op_1", "a-token-of-sixteen", 7);

    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public void Every_report_satisfies_envelope_and_result(AdcpVersion version) => Reports(version).Sample(report =>
    {
        string body = AdcpSchemas.Write(report, Facts with { Version = version });
        AdcpSchemas.Validates(AdcpSchemas.Envelope(version), body);
        using JsonDocument envelope = JsonDocument.Parse(body);
        JsonElement result = envelope.RootElement.GetProperty("result");
        AdcpSchemas.Validates(AdcpSchemas.IdOf(version, "media-buy-delivery-webhook-result.json"), result.GetRawText());
        Assert.Equal(7, result.GetProperty("sequence_number").GetInt64());
        Assert.Equal("media_buy_delivery", envelope.RootElement.GetProperty("task_type").GetString());
        Assert.False(envelope.RootElement.TryGetProperty("notification_id", out _));
        Assert.False(result.TryGetProperty("aggregated_totals", out _));
    }, iter: 200);

    [Fact]
    [Needs(Resource.AdcpData)]
    public void A_row_of_several_currencies_has_no_money_in_its_totals_and_begins_with_3_2()
    {
        DeliveryReport report = Mixed(new DeliveryMetrics { Spend = null, [DeliveryMetric.Impressions] = 10 });

        string body = AdcpSchemas.Write(report, Facts);
        using JsonDocument envelope = JsonDocument.Parse(body);
        AdcpSchemas.Validates(
            AdcpSchemas.IdOf(AdcpVersion.V32, "media-buy-delivery-webhook-result.json"),
            envelope.RootElement.GetProperty("result").GetRawText());
        Assert.False(envelope.RootElement.GetProperty("result").TryGetProperty("currency", out _));
        Assert.Equal("not_in_this_version", Code(report, AdcpVersion.V31));
        Assert.Equal("missing_currency", Code(Mixed(new DeliveryMetrics { Spend = 3 }), AdcpVersion.V32));
        Assert.Equal(
            "missing_currency", Code(Mixed(new DeliveryMetrics { Spend = null, [DeliveryMetric.Cpm] = 1 }), AdcpVersion.V32));
        Assert.Equal("currencies_differ", Code(Mixed(new DeliveryMetrics { Spend = 3 }, row: "EUR"), AdcpVersion.V32));
    }

    [Fact]
    public void Money_has_a_currency_and_a_row_with_one_has_a_spend()
    {
        Assert.Equal("missing_spend", Code(Row(new DeliveryMetrics { Spend = null }, new PackageDelivery { Spend = 1 }), AdcpVersion.V32));
        Assert.Equal("missing_spend", Code(Row(new DeliveryMetrics { Spend = 1 }, new PackageDelivery { Spend = null }), AdcpVersion.V32));
        Assert.Equal(
            "metric_twice",
            Code(
                Row(
                    new DeliveryMetrics { Spend = 1 },
                    new PackageDelivery { Spend = 1, MetricValues = Qualified, [DeliveryMetric.CompletedViews] = 4 }),
                AdcpVersion.V32));
        Assert.Throws<ArgumentException>(() => new PackageDelivery { Spend = 1, MetricValues = "[{\"metric_id\":\"spend\"}]"u8.ToArray() });
        Assert.Throws<ArgumentException>(
            () => new PackageDelivery { Spend = 1, MetricValues = "[{\"metric_id\":\"views\",\"qualifier\":{}}]"u8.ToArray() });
    }

    [Fact]
    public void What_begins_with_3_2_is_left_out_for_a_3_1_receiver()
    {
        DeliveryReport report = new()
        {
            TaskId = "rep_1",
            ReportType = DeliveryReportType.Scheduled,
            Period = new ReportingPeriod(Noon.AddHours(-1), Noon, "Europe/Berlin"),
            MediaBuys =
            [
                new MediaBuyDelivery
                {
                    MediaBuyId = "mb",
                    Currency = "EUR",
                    PacingIndex = 1,
                    Status = MediaBuyReportStatus.Active,
                    Totals = new DeliveryMetrics
                    {
                        Spend = 1,
                        [DeliveryMetric.CommissionableValue] = 2,
                        MeasurementSource = "meter",
                        TimeBasedViews = [new TimeBasedView(2, ViewBasis.PlayTime, 3)],
                        OohMetrics = "{}"u8.ToArray(),
                    },
                    ByPackage = [new PackageDelivery
                        { Spend = 1, DeliveryStatus = PackageDeliveryStatus.NotDelivering, MetricValues = Qualified }],
                },
            ],
        };
        string[] later = ["timezone", "commissionable_value", "not_delivering", "metric_values", "pacing_index",
            "measurement_source", "time_based_views", "ooh_metrics"];

        string earlier = AdcpSchemas.Write(report, Facts with { Version = AdcpVersion.V31 });

        Assert.All(later, member => Assert.DoesNotContain(member, earlier, StringComparison.Ordinal));
        Assert.Contains("},\"currency\":\"EUR\",\"media_buy_deliveries\"", earlier, StringComparison.Ordinal);
        Assert.All(later, member => Assert.Contains(member, AdcpSchemas.Write(report, Facts), StringComparison.Ordinal));
    }

    /// <summary>A member of the schemas that no report ever has is one that a seller cannot state.</summary>
    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public void Each_member_of_the_schemas_can_be_stated_but_for_those_of_the_list(AdcpVersion version)
    {
        // The context is the envelope's: the schema has it in both, and a receiver reads the envelope's.
        string[] leftOut = ["context"];
        HashSet<string> written = [];
        Reports(version).Sample(report =>
        {
            using JsonDocument body = JsonDocument.Parse(AdcpSchemas.Write(report, Facts with { Version = version }));
            lock (written)
            {
                Collect(body.RootElement.GetProperty("result"), written);
            }
        }, iter: 500);

        using JsonDocument result = AdcpSchemas.Read(AdcpSchemas.IdOf(version, "media-buy-delivery-webhook-result.json"));
        using JsonDocument metrics = AdcpSchemas.Read(AdcpSchemas.IdOf(version, "delivery-metrics.json"));
        JsonElement members = result.RootElement.GetProperty("properties");
        JsonElement row = members.GetProperty("media_buy_deliveries").GetProperty("items").GetProperty("properties");
        string[] stated =
        [
            .. Names(members), .. Names(row), .. Names(metrics.RootElement.GetProperty("properties")),
            .. row.GetProperty("by_package").GetProperty("items").GetProperty("allOf").EnumerateArray()
                .Where(part => part.TryGetProperty("properties", out _)).SelectMany(part => Names(part.GetProperty("properties"))),
        ];
        Assert.True(stated.Length > 50);
        Assert.Equal(leftOut, stated.Distinct().Except(written));

        static IEnumerable<string> Names(JsonElement properties) => properties.EnumerateObject().Select(member => member.Name);

        static void Collect(JsonElement value, HashSet<string> names)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    foreach (JsonProperty member in value.EnumerateObject())
                    {
                        names.Add(member.Name);
                        Collect(member.Value, names);
                    }

                    break;
                case JsonValueKind.Array:
                    foreach (JsonElement item in value.EnumerateArray())
                    {
                        Collect(item, names);
                    }

                    break;
                default:
                    break;
            }
        }
    }

    [Fact]
    public void Bad_members_are_refused_when_they_are_set()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new MetricDuration(0, DurationUnit.Days));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MetricDuration(2, DurationUnit.Campaign));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TimeBasedView(0, ViewBasis.InView, 1));
        Assert.Throws<ArgumentException>(() => new DeliveryMetrics { Spend = 1, MeasurementSource = "Meter" });
        Assert.Throws<ArgumentException>(() => new DeliveryMetrics { Spend = 1, Further = "{\"ooh_metrics\":{}}"u8.ToArray() });
        Assert.Throws<ArgumentException>(() => new DeliveryMetrics { Spend = 1, OohMetrics = "[]"u8.ToArray() });
        Assert.Throws<ArgumentException>(() => new Viewability { Further = "{\"standard\":\"mrc\"}"u8.ToArray() });
    }

    [Theory]
    [InlineData(AdcpVersion.V31)]
    [InlineData(AdcpVersion.V32)]
    public void A_report_without_the_buyers_operation_id_is_not_sent_and_no_id_is_made_up(AdcpVersion version)
    {
        WebhookPayloadException fault = Assert.Throws<WebhookPayloadException>(() =>
            AdcpSchemas.Write(Report(DeliveryReportType.Scheduled), Facts with { Version = version, OperationId = null }));

        Assert.Equal("missing_operation_id", fault.Code);
    }

    [Fact]
    public void Reports_begin_with_3_1_and_window_updates_with_3_2()
    {
        Assert.Equal("task_type_not_eligible", Code(Report(DeliveryReportType.Scheduled), AdcpVersion.V30));
        Assert.Equal("not_in_this_version", Code(Report(DeliveryReportType.WindowUpdate, superseded: "live"), AdcpVersion.V31));
        Assert.Null(Code(Report(DeliveryReportType.WindowUpdate, superseded: "live"), AdcpVersion.V32));
    }

    [Fact]
    public void A_report_says_what_its_type_means()
    {
        Assert.Equal("next_after_final", Code(Report(DeliveryReportType.Final, next: Noon), AdcpVersion.V32));
        Assert.Equal("nothing_adjusted", Code(Report(DeliveryReportType.Adjusted), AdcpVersion.V32));
        Assert.Equal("nothing_superseded", Code(Report(DeliveryReportType.WindowUpdate), AdcpVersion.V32));
    }

    [Fact]
    public void Bad_members_are_refused_at_once()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeliveryMetrics { Spend = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeliveryMetrics { Spend = 1, [DeliveryMetric.Ctr] = 1.1m });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeliveryMetrics { Spend = 1, [DeliveryMetric.Impressions] = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeliveryMetrics { Spend = 1, Reach = new AudienceReach(1, (ReachUnit)77) });
        Assert.Throws<ArgumentException>(() => new DeliveryMetrics { Spend = 1, Quartiles = [1, 2, 3] });
        Assert.Throws<ArgumentException>(() => new DeliveryMetrics { Spend = 1, Further = "{\"clicks\":-5}"u8.ToArray() });
        Assert.Throws<ArgumentException>(() => new ReportingPeriod(Noon, Noon));
        Assert.Throws<ArgumentException>(() => DeliveryReport("eur"));
        Assert.Throws<ArgumentException>(() => new EventCount("Purchase!", 1));
        static DeliveryReport DeliveryReport(string currency) => new()
        {
            TaskId = "t",
            ReportType = DeliveryReportType.Scheduled,
            Period = new(Noon, Noon.AddHours(1)),
            Currency = currency,
            MediaBuys = [],
        };
    }

    private static ReadOnlyMemory<byte> Qualified { get; } =
        """[{"metric_id":"completed_views","scope":"standard","value":4,"qualifier":{"completion_source":"seller_attested"}}]"""u8
            .ToArray();

    private static DeliveryReport Mixed(DeliveryMetrics totals, string? row = null) => new()
    {
        TaskId = "rep_1",
        ReportType = DeliveryReportType.Scheduled,
        Period = new ReportingPeriod(Noon.AddHours(-1), Noon),
        MediaBuys =
        [
            new MediaBuyDelivery
            {
                MediaBuyId = "mb",
                Currency = row,
                Status = MediaBuyReportStatus.Active,
                Totals = totals,
                ByPackage = [new PackageDelivery { Spend = 1, Currency = "EUR" }, new PackageDelivery { Spend = 2, Currency = "USD" }],
            },
        ],
    };

    private static DeliveryReport Row(DeliveryMetrics totals, PackageDelivery package) => new()
    {
        TaskId = "rep_1",
        ReportType = DeliveryReportType.Scheduled,
        Period = new ReportingPeriod(Noon.AddHours(-1), Noon),
        MediaBuys =
        [
            new MediaBuyDelivery
            {
                MediaBuyId = "mb",
                Currency = "EUR",
                Status = MediaBuyReportStatus.Active,
                Totals = totals,
                ByPackage = [package],
            },
        ],
    };

    private static DeliveryReport Report(DeliveryReportType type, DateTimeOffset? next = null, string? superseded = null) => new()
    {
        TaskId = "rep_1",
        ReportType = type,
        Period = new ReportingPeriod(Noon.AddHours(-1), Noon),
        Currency = "EUR",
        NextExpectedAt = next,
        MediaBuys =
        [
            new MediaBuyDelivery
            {
                MediaBuyId = "mb", Status = MediaBuyReportStatus.Active, Totals = new DeliveryMetrics { Spend = 1 },
                    ByPackage = [new PackageDelivery { Spend = 1, SupersedesWindow = superseded }],
            },
        ],
    };

    private static string? Code(DeliveryReport report, AdcpVersion version)
    {
        try
        {
            AdcpSchemas.Write(report, Facts with { Version = version });
            return null;
        }
        catch (WebhookPayloadException fault)
        {
            return fault.Code;
        }
    }

    private static Gen<DeliveryReport> Reports(AdcpVersion version)
    {
        DeliveryReportType[] types = [.. Enum.GetValues<DeliveryReportType>()
            .Where(type => version == AdcpVersion.V32 || type != DeliveryReportType.WindowUpdate)];
        Gen<decimal> number = Gen.Int[0, 1_000_000_000].Select(n => n / 100m);
        return Gen.Select(Gen.OneOf(types), Gen.Int[1, 3], Gen.Int[0, 3], number,
            Gen.OneOf(Enum.GetValues<MediaBuyReportStatus>()), Gen.OneOf(Enum.GetValues<DeliveryMetric>()), Gen.Bool, Gen.Bool)
            .Select((type, buys, packages, amount, status, metric, full, whole) => new DeliveryReport
            {
                TaskId = "rep_1",
                ReportType = type,
                Period = new ReportingPeriod(Noon.AddHours(-buys), Noon, full ? "Europe/Berlin" : null),
                Currency = whole ? "EUR" : null,
                NextExpectedAt = type == DeliveryReportType.Final ? null : Noon.AddHours(1),
                UnavailableCount = full ? packages : null,
                IsSandbox = full ? true : null,
                Context = full ? "{\"k\":1}"u8.ToArray() : default,
                Ext = full ? "{\"x\":[]}"u8.ToArray() : default,
                AttributionWindow = full ? new AttributionWindow
                {
                    PostClick = new MetricDuration(buys, DurationUnit.Days),
                    PostView = new MetricDuration(1, DurationUnit.Campaign),
                    Model = AttributionModel.DataDriven,
                } : null,
                Errors = full ? """[{"code":"INVALID_USAGE_DATA","message":"Late.","recovery":"transient"}]"""u8.ToArray() : default,
                MediaBuys =
                [
                    .. Enumerable.Range(0, buys).Select(i => new MediaBuyDelivery
                    {
                        MediaBuyId = $"mb_{i}",
                        Currency = whole && !full ? null : "EUR",
                        Status = status,
                        Totals = new DeliveryMetrics
                        {
                            Spend = amount,
                            [metric] = amount > 1 ? 0.5m : amount,
                            [DeliveryMetric.Impressions] = amount,
                            Reach = full ? new AudienceReach(amount, ReachUnit.Households) : null,
                            ReachWindow = full ? whole ? ReachWindow.Cumulative
                                : ReachWindow.Rolling(new MetricDuration(7, DurationUnit.Days)) : null,
                            MeasurementSource = full ? "1st_meter" : null,
                            TimeBasedViews = full ? [new TimeBasedView(2.5m, ViewBasis.InView, amount, "groupm")] : null,
                            DoohMetrics = full ? """{"loop_plays":4}"""u8.ToArray() : default,
                            OohMetrics = full ? """{"estimated_impressions":4,"estimation_basis":"seller_modeled"}"""u8.ToArray() : default,
                            Viewability = full ? new Viewability
                            {
                                MeasurableImpressions = amount,
                                ViewableRate = 0.7m,
                                Standard = "mrc",
                                Further = """{"vendor":{"domain":"v.example"}}"""u8.ToArray(),
                            } : null,
                            Quartiles = full ? [4, 3, 2, 1] : null,
                            ByEventType = full ? [new EventCount("purchase", amount, amount, "source")] : null,
                            ByActionSource = full ? [new EventCount("website", amount)] : null,
                            VendorMetricValues = full ? "[]"u8.ToArray() : default,
                            Further = full ? "{\"attention_seconds\":1.5}"u8.ToArray() : default,
                        },
                        IsAdjusted = type == DeliveryReportType.Adjusted ? true : null,
                        FinalizedAt = full ? Noon : null,
                        ExpectedAvailability = full ? Noon : null,
                        PricingModel = "cpm",
                        PacingIndex = 1.02m,
                        ByPackage =
                        [
                            .. Enumerable.Range(0, packages + 1).Select(p => new PackageDelivery
                            {
                                Spend = amount,
                                PackageId = full ? $"p_{p}" : null,
                                PacingIndex = amount,
                                Rate = amount,
                                Currency = full ? "EUR" : null,
                                DeliveryStatus = full ? PackageDeliveryStatus.NotDelivering : PackageDeliveryStatus.Delivering,
                                MetricValues = full ? Qualified : default,
                                IsPaused = full,
                                FinalizedAt = full ? Noon : null,
                                MeasurementWindow = "c7",
                                SupersedesWindow = "live",
                            }),
                        ],
                    }),
                ],
            });
    }
}
