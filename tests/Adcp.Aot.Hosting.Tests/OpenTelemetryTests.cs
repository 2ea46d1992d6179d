using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Delivery;
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
        int dead = 0;
        foreach (ref readonly MetricPoint point in Single(AdcpInstruments.OutboxWebhooks).GetMetricPoints())
        {
            dead += Tag(point) == "dead" ? 1 : 0;
        }

        Assert.Equal(1, dead);
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

        static string? Tag(in MetricPoint point)
        {
            foreach (KeyValuePair<string, object?> tag in point.Tags)
            {
                if (tag.Key == AdcpTags.OutboxState)
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
    public void Dashboard_and_alerts_use_instruments_and_tags_that_exist(string file)
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Adcp.Aot.sln")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        string text = File.ReadAllText(Path.Combine(root, "docs", "grafana", file));
        using JsonDocument parsed = JsonDocument.Parse(text);
        string[] instruments = [.. Names(typeof(AdcpInstruments)).Select(static name => name.Replace('.', '_'))];
        string[] tags = [.. Names(typeof(AdcpTags)).Select(static name => name.Replace('.', '_'))];

        string[] used = [.. Prometheus().Matches(text).Select(static match => match.Value).Distinct()];

        Assert.NotEmpty(used);
        Assert.All(used, name => Assert.True(
            tags.Contains(name) || instruments.Any(instrument => Forms(instrument).Contains(name)),
            $"{name} is in {file} and not in the code."));

        // The suffixes that the Prometheus exporter adds for the unit and the kind.
        static string[] Forms(string instrument) =>
        [
            instrument, instrument + "_total", instrument + "_seconds", instrument + "_seconds_bucket", instrument + "_seconds_sum",
            instrument + "_seconds_count",
        ];
    }

    [Fact]
    public void Every_instrument_has_a_unit_and_is_created_by_some_package()
    {
        HashSet<string> seen = [];
        using System.Diagnostics.Metrics.MeterListener listener = new();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == AdcpTelemetry.MeterName)
            {
                Assert.False(string.IsNullOrEmpty(instrument.Unit));
                seen.Add(instrument.Name);
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

        Assert.Equal(Names(typeof(AdcpInstruments)).Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }

    private static McpWebhook Webhook(string task) =>
        new() { TaskId = task, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = "{}"u8.ToArray() };

    private static IEnumerable<string> Names(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => (string)field.GetRawConstantValue()!);

    [GeneratedRegex("adcp_[a-z_]+")]
    private static partial Regex Prometheus();
}
