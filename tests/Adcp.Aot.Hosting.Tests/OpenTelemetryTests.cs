using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Receiving;
using Adcp.Aot.Resilience;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>Alone, because the activity source and the meter are those of the process.</summary>
[CollectionDefinition(nameof(OpenTelemetryTests), DisableParallelization = true)]
[Collection(nameof(OpenTelemetryTests))]
public sealed partial class OpenTelemetryTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_attempt_is_a_trace_of_its_own_that_links_to_the_acceptance(bool propagates)
    {
        using ActivitySource application = new("application");
        List<Activity> spans = [];
        List<Metric> metrics = [];
        using TracerProvider tracing = Sdk.CreateTracerProviderBuilder()
            .AddAdcpInstrumentation().AddSource("application").AddInMemoryExporter(spans).Build();
        using MeterProvider meters = Sdk.CreateMeterProviderBuilder().AddAdcpInstrumentation().AddInMemoryExporter(metrics).Build();
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, ("Adcp:Sender:AllowHttp", "true"), ("Adcp:Sender:AllowPrivateNetworks", "true"),
            ("Adcp:Sender:PropagatesTraceContext", propagates ? "true" : "false"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();
        await host.StartAsync();

        using (Activity request = application.StartActivity("request")!)
        {
            await host.Services.GetRequiredService<IWebhookDeliverySupervisor>().SendAsync(
                receiver.Destination("op_1"),
                Webhook($"task_{propagates}"));
            Assert.Same(request, Activity.Current);
        }

        meters.ForceFlush();
        Activity enqueue = Assert.Single(
            spans, span => span.OperationName == AdcpSpans.Enqueue && Of(span, AdcpTags.TaskId) == $"task_{propagates}");
        Activity attempt = Assert.Single(spans, span => span.Links.Any(link => link.Context.SpanId == enqueue.SpanId));
        Activity parent = Assert.Single(spans, static span => span.OperationName == "request");
        Assert.Equal((ActivityKind.Producer, parent.SpanId), (enqueue.Kind, enqueue.ParentSpanId));
        Assert.Equal((AdcpSpans.Attempt, ActivityKind.Client, default), (attempt.OperationName, attempt.Kind, attempt.ParentSpanId));
        Assert.NotEqual(enqueue.TraceId, attempt.TraceId);
        Assert.Equal(
            ("success", "200", "127.0.0.1"),
            (Of(attempt, AdcpTags.Outcome), Of(attempt, "http.response.status_code"), Of(attempt, "server.address")));
        Assert.Equal(propagates ? attempt.Id : "", Assert.Single(receiver.Requests).Header("traceparent") ?? "");
        Assert.Contains(metrics, static metric => metric.Name == AdcpInstruments.Attempts && metric.MeterName == AdcpTelemetry.MeterName);
        await host.StopAsync();

        static string? Of(Activity span, string tag) => span.GetTagItem(tag)?.ToString();
    }

    [Fact]
    public async Task An_attempt_of_the_outbox_links_to_the_span_that_the_row_keeps()
    {
        using Folder folder = new();
        List<Activity> spans = [];
        using TracerProvider tracing = Sdk.CreateTracerProviderBuilder().AddAdcpInstrumentation().AddInMemoryExporter(spans).Build();
        await using ScriptedReceiver receiver = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, ("Adcp:Sender:AllowHttp", "true"), ("Adcp:Sender:AllowPrivateNetworks", "true"),
            ("Adcp:EncryptionKeys:0:Id", "2026"), ("Adcp:EncryptionKeys:0:Base64", Convert.ToBase64String(new byte[32])),
            ("Adcp:Database:Dialect", "Sqlite"), ("ConnectionStrings:adcp", folder["a.db"]),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path)).AddOutbox();
        using IHost host = builder.Build();
        await host.StartAsync();

        await host.Services.GetRequiredService<IWebhookOutbox>().EnqueueAsync(null,
        [
            new OutboxItem(receiver.Destination(),
                Webhook("kept"),
                new OutboxOptions { Tenant = "acme" }),
        ]);
        await host.Services.GetRequiredService<SqlWebhookOutbox>().DrainAsync();
        await host.StopAsync();

        Activity attempt = Assert.Single(
            spans, static span => span.OperationName == AdcpSpans.Attempt && span.GetTagItem(AdcpTags.TaskId) as string == "kept");
        Activity enqueue = Assert.Single(spans, span => span.SpanId == Assert.Single(attempt.Links).Context.SpanId);
        Assert.Equal(
            (AdcpSpans.Enqueue, ActivityKind.Producer, 1),
            (enqueue.OperationName, enqueue.Kind, enqueue.GetTagItem(AdcpTags.Webhooks)));
        Assert.Null(Assert.Single(receiver.Requests).Header("traceparent"));
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task Webhooks_of_the_outbox_are_counted_when_they_end_and_a_stopped_host_reports_nothing()
    {
        List<Metric> metrics = [];
        using MeterProvider meters = Sdk.CreateMeterProviderBuilder().AddAdcpInstrumentation().AddInMemoryExporter(metrics).Build();
        using Folder first = new();
        using Folder second = new();

        using IHost stopped = await DeliverAsync(first);
        await stopped.StopAsync();
        using IHost running = await DeliverAsync(second);
        await running.Services.GetRequiredKeyedService<OutboxMonitor>("").SampleAsync(TestContext.Current.CancellationToken);
        meters.ForceFlush();

        Assert.Equal(4, Sum(AdcpInstruments.OutboxDelivered));
        Assert.Equal(2, Sum(AdcpInstruments.OutboxDeadLetters));
        List<(string? State, string? Reason)> states = [];
        foreach (ref readonly MetricPoint point in Single(AdcpInstruments.OutboxWebhooks).GetMetricPoints())
        {
            states.Add((Tag(point, AdcpTags.OutboxState), Tag(point, AdcpTags.DeadReason)));
        }

        Assert.Equal([("dead", "rejected"), ("parked", null), ("waiting", null)], states.Order());
        await running.StopAsync();
        SqliteConnection.ClearAllPools();

        static async Task<IHost> DeliverAsync(Folder folder)
        {
            HostApplicationBuilder builder = TestHost.Builder([.. TestHost.Sound, .. TestHost.Outbox(folder)]);
            builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
                .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
                .AddOutbox()
                .UseSender(static (_, sender) => new RecordingSender(sender).AnswerWith(410));
            IHost host = builder.Build();
            await host.StartAsync();
            IWebhookOutbox outbox = host.Services.GetRequiredService<IWebhookOutbox>();
            OutboxItem item = new(
                new WebhookDestination("https://buyer.example/hook", "op_1"), Webhook("task_1"), new OutboxOptions { Tenant = "acme" });
            await outbox.EnqueueAsync(null, [item, item, item]);
            await outbox.DrainAsync();
            return host;
        }

        Metric Single(string name) => Assert.Single(metrics, metric => metric.Name == name);

        long Sum(string name)
        {
            long sum = 0;
            foreach (ref readonly MetricPoint point in Single(name).GetMetricPoints())
            {
                sum += point.GetSumLong();
            }

            return sum;
        }

        static string? Tag(in MetricPoint point, string name)
        {
            foreach (KeyValuePair<string, object?> tag in point.Tags)
            {
                if (tag.Key == name)
                {
                    return tag.Value as string;
                }
            }

            return null;
        }
    }

    [Theory]
    [InlineData("dashboard.json")]
    [InlineData("alerts.json")]
    public void Dashboard_and_alerts_use_series_labels_and_values_that_exist(string file)
    {
        Dictionary<string, SeriesKind> series = Instruments().SelectMany(SeriesOf).ToDictionary(StringComparer.Ordinal);
        string[] tags = [.. Names(typeof(AdcpTags)).Select(static name => name.Replace('.', '_'))];
        string text = File.ReadAllText(Path.Combine(Root(), "docs", "grafana", file));
        using JsonDocument parsed = JsonDocument.Parse(text);
        JsonElement[] targets = [.. Targets(parsed.RootElement)];

        Assert.NotEmpty(targets);
        Assert.All(Name().Matches(text).Select(static match => match.Value).Distinct(), name => Assert.True(
            tags.Contains(name) || series.ContainsKey(name), $"{name} is in {file} and not in the code."));
        Assert.All(targets, target => Check(target, series, tags));
    }

    [Theory]
    [InlineData("sum(adcp_webhook_attempts)")] // a counter has the suffix _total
    [InlineData("sum(rate(adcp_webhook_breakers_open_total[5m]))")] // an up-down counter has none
    [InlineData("sum(rate(adcp_webhook_attempt_duration_seconds[5m]))")] // a histogram has series of three names
    [InlineData("max(adcp_outbox_oldest_due)")] // the unit is in the name
    [InlineData("sum(rate(adcp_outbox_workers[5m]))")] // a rate is that of a counter
    [InlineData("sum(adcp_webhook_attempts_total)")] // a counter alone shows when the process started
    [InlineData("sum(rate(adcp_webhook_attempts_total{adcp_webhook_outcome=\"failed\"}[5m]))")]
    [InlineData("sum(rate(adcp_webhook_received_total{adcp_webhook_receive_result=~\"accepted|rejected\"}[5m]))")]
    [InlineData("sum(rate(adcp_webhook_attempts_total{outcome=\"failure\"}[5m]))")]
    [InlineData("sum by (adcp_outcome) (rate(adcp_webhook_attempts_total[5m]))")]
    public void Wrong_expression_is_found(string expression)
    {
        Dictionary<string, SeriesKind> series = Instruments().SelectMany(SeriesOf).ToDictionary(StringComparer.Ordinal);
        string[] tags = [.. Names(typeof(AdcpTags)).Select(static name => name.Replace('.', '_'))];
        using JsonDocument target = JsonDocument.Parse(JsonSerializer.Serialize(new Dictionary<string, string> { ["expr"] = expression }));

        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check(target.RootElement, series, tags));
    }

    [Fact]
    public void Every_instrument_has_a_unit_and_is_created_by_some_package()
    {
        List<Instrument> instruments = Instruments();

        Assert.All(instruments, static instrument => Assert.False(string.IsNullOrEmpty(instrument.Unit)));
        Assert.Equal(
            Names(typeof(AdcpInstruments)).Order(StringComparer.Ordinal),
            instruments.Select(static instrument => instrument.Name).Order(StringComparer.Ordinal));
    }

    /// <summary>Fails if an expression, or the legend of its series, does not fit the instruments and tags.</summary>
    private static void Check(JsonElement target, Dictionary<string, SeriesKind> series, string[] tags)
    {
        string expression = target.GetProperty("expr").GetString()!;
        HashSet<string> labels = [];
        foreach (Match by in Grouping().Matches(expression))
        {
            foreach (string label in by.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                Assert.True(label == "le" || tags.Contains(label), $"{expression}: no tag is {label}.");
                labels.Add(label);
            }
        }

        // Counters and the series of histograms only grow, so a rate or an increase is read from them. The others are read as they are.
        foreach (Match used in Use().Matches(expression))
        {
            string name = used.Groups["name"].Value;
            if (labels.Contains(name))
            {
                continue;
            }

            Assert.True(series.TryGetValue(name, out SeriesKind kind), $"{expression}: no instrument has the series {name}.");
            Assert.True(used.Groups["over"].Success == (kind != SeriesKind.Level), $"{expression}: {name} is a {kind}.");
            Assert.True(
                kind != SeriesKind.Bucket || expression.Contains("histogram_quantile", StringComparison.Ordinal), $"{expression}: {name}.");
            foreach (Match matcher in Matcher().Matches(used.Groups["matchers"].Value))
            {
                string[] known = ValuesOf(matcher.Groups["label"].Value, tags);
                Assert.All(
                    matcher.Groups["values"].Value.Split('|'),
                    value => Assert.True(known.Contains(value), $"{expression}: {value} is none of {string.Join(", ", known)}."));
            }
        }

        string legend = target.TryGetProperty("legendFormat", out JsonElement format) ? format.GetString()! : "";
        Assert.All(
            Legend().Matches(legend).Select(static match => match.Groups[1].Value), label => Assert.Contains(label, labels));
    }

    /// <summary>Returns the values of a label, by the enumeration behind its tag.</summary>
    private static string[] ValuesOf(string label, string[] tags)
    {
        Assert.True(tags.Contains(label), $"No tag is {label}.");
        Dictionary<string, Type> enumerations = new()
        {
            [AdcpTags.Outcome] = typeof(AttemptOutcome),
            [AdcpTags.Status] = typeof(DeliveryStatus),
            [AdcpTags.BreakerState] = typeof(CircuitState),
            [AdcpTags.ReceiveResult] = typeof(IntakeStatus),
        };
        Type values = Assert.Single(enumerations, pair => pair.Key.Replace('.', '_') == label).Value;
        return [.. Enum.GetNames(values).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];
    }

    /// <summary>Returns the names that the Prometheus exporter gives the series of an instrument: by its unit and its kind.</summary>
    private static IEnumerable<KeyValuePair<string, SeriesKind>> SeriesOf(Instrument instrument)
    {
        string name = instrument.Name.Replace('.', '_') + (instrument.Unit switch
        {
            "s" => "_seconds",
            ['{', .., '}'] => "",
            _ => throw new InvalidOperationException($"{instrument.Name}: the suffix of the unit {instrument.Unit} is not known here."),
        });
        Type kind = instrument.GetType().GetGenericTypeDefinition();
        return kind == typeof(Histogram<>)
            ? [new(name + "_bucket", SeriesKind.Bucket), new(name + "_sum", SeriesKind.Counter), new(name + "_count", SeriesKind.Counter)]
            : kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>)
            ? [new(name + "_total", SeriesKind.Counter)]
            : [new(name, SeriesKind.Level)];
    }

    /// <summary>Returns the instruments that the packages create.</summary>
    private static List<Instrument> Instruments()
    {
        List<Instrument> instruments = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == AdcpTelemetry.MeterName)
            {
                instruments.Add(instrument);
            }
        };
        listener.Start();
        foreach (string type in new[]
        {
            "Adcp.Aot.Delivery.DeliveryMeter, Adcp.Aot", "Adcp.Aot.Sending.SenderMeter, Adcp.Aot",
            "Adcp.Aot.Receiving.ReceiverMeter, Adcp.Aot",
            "Adcp.Aot.Hosting.HostingMeter, Adcp.Aot.Hosting", "Adcp.Aot.Storage.OutboxTelemetry, Adcp.Aot.Storage",
        })
        {
            System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(Type.GetType(type, throwOnError: true)!.TypeHandle);
        }

        return instruments;
    }

    /// <summary>Returns the objects that have an expression.</summary>
    private static IEnumerable<JsonElement> Targets(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Targets),
        JsonValueKind.Object when element.TryGetProperty("expr", out _) => [element],
        JsonValueKind.Object => element.EnumerateObject().SelectMany(static member => Targets(member.Value)),
        _ => [],
    };

    private static string Root()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Adcp.Aot.sln")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        return root;
    }

    private static McpWebhook Webhook(string task) =>
        new() { TaskId = task, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = "{}"u8.ToArray() };

    private static IEnumerable<string> Names(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => (string)field.GetRawConstantValue()!);

    [GeneratedRegex("adcp_[a-z_]+")]
    private static partial Regex Name();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"(?<over>(rate|increase)\()?(?<![a-z_""])(?<name>adcp_[a-z_]+)\b(?!\s*(=|!))(\{(?<matchers>[^}]*)\})?")]
    private static partial Regex Use();

    [GeneratedRegex(@"(?<label>[a-z_]+)\s*(=|!=|=~|!~)\s*""(?<values>[^""]*)""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\{\{\s*([a-z_]+)\s*\}\}")]
    private static partial Regex Legend();

    /// <summary>A series by the way it is read: a level as it is, the others over a time.</summary>
    private enum SeriesKind
    {
        Level,
        Counter,
        Bucket,
    }
}
