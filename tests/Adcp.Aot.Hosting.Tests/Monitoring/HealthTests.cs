using System.Globalization;
using System.Text.RegularExpressions;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Adcp.Aot.Tests.Documentation;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Adcp.Aot.Hosting.Tests.Monitoring;

public sealed partial class HealthTests
{
    private static readonly McpWebhook Payload =
        new() { TaskId = "t", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = "{}"u8.ToArray() };

    [Fact]
    public async Task Delivery_is_degraded_when_most_endpoints_are_open()
    {
        HostApplicationBuilder builder = TestHost.Builder(TestHost.Sound);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").AddHealthChecks("ready");
        using IHost host = builder.Build();
        await host.StartAsync();
        InMemoryWebhookDeliverySupervisor supervisor = host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>();
        for (int i = 0; i < 4; i++)
        {
            supervisor.Endpoints.Isolate($"key-{i}");
        }

        HealthReportEntry entry = Assert.Single(
            (await CheckAsync(host)).Entries, static e => e.Key == AdcpWebhooksBuilder.DeliveryCheck).Value;
        Assert.Equal((HealthStatus.Degraded, 4), (entry.Status, supervisor.Endpoints.OpenCircuits));
        Assert.Equal(["ready"], entry.Tags);

        supervisor.Endpoints.Reset("key-0");
        supervisor.Endpoints.Reset("key-1");
        supervisor.Endpoints.Reset("key-2");

        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(host)).Status);
        await host.StopAsync();
    }

    [Fact]
    public async Task The_outbox_is_judged_by_its_oldest_webhook_and_by_its_database()
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. TestHost.Outbox(folder), ("Adcp:Outbox:RunsWorker", "false"),
            ("Adcp:Health:DegradedPastDue", "00:00:00"), ("Adcp:Health:UnhealthyPastDue", "01:00:00"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox().AddHealthChecks();
        using IHost host = builder.Build();
        await host.StartAsync();
        await host.Services.GetRequiredService<IWebhookOutbox>().EnqueueAsync(null,
        [
            new OutboxItem(new WebhookDestination("https://buyer.example/hook", "op_1"), Payload, new OutboxOptions { Tenant = "acme" }),
        ]);
        OutboxMonitor monitor = host.Services.GetRequiredKeyedService<OutboxMonitor>("");
        OutboxHealthCheck check = new(host.Services, "");

        OutboxSample sample = await monitor.RecentAsync(default);
        HealthReport report = await CheckAsync(host);

        // The page of operations has a row for each check, with the keys of its data.
        Assert.Equal(
            report.Entries.Select(static e => $"{e.Key}: {string.Join(", ", e.Value.Data.Keys)}").Order(StringComparer.Ordinal),
            CheckRow().Matches(Repository.Read("docs/operations.md"))
                .Select(static row => $"{row.Groups[1].Value}: {row.Groups[2].Value.Replace("`", "", StringComparison.Ordinal)}")
                .Order(StringComparer.Ordinal));
        Assert.NotNull(sample.Status);
        Assert.Contains(report.Entries, static e => e.Key == AdcpWebhooksBuilder.OutboxCheck);
        Assert.NotEqual(HealthStatus.Unhealthy, (await check.CheckHealthAsync(new HealthCheckContext())).Status);

        // A check reads the last sample and does not wait for the database.
        Assert.All(
            (IHealthCheck[])[check, new DeliveryHealthCheck(host.Services, "")],
            static check => Assert.True(check.CheckHealthAsync(new HealthCheckContext()).IsCompletedSuccessfully));
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Delivery_is_degraded_when_audit_records_were_dropped(bool fromOutbox)
    {
        using Folder folder = new();
        await using ScriptedReceiver receiver = new();
        StuckSink sink = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. TestHost.Local, .. TestHost.Outbox(folder), ("Adcp:Delivery:SinkQueueCapacity", "8"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox().AddSink(_ => sink).AddHealthChecks();
        using IHost host = builder.Build();
        await host.StartAsync();

        while (!sink.Stuck.IsCompleted)
        {
            await SendAsync(1);
        }

        await SendAsync(40);
        HealthReportEntry first = (await CheckAsync(host)).Entries[AdcpWebhooksBuilder.DeliveryCheck];
        HealthReportEntry second = (await CheckAsync(host)).Entries[AdcpWebhooksBuilder.DeliveryCheck];
        long dropped = (long)first.Data["audit_records_dropped"];
        sink.Release();

        // While the call is out, the queue takes its eight records and no more.
        Assert.True(dropped >= 40 - 8, $"{dropped} were dropped.");
        Assert.Equal(1L, first.Data["sink_failures"]);
        Assert.Equal(HealthStatus.Degraded, first.Status);
        Assert.StartsWith($"{dropped} audit records were dropped", first.Description, StringComparison.Ordinal);
        Assert.Equal((HealthStatus.Healthy, dropped), (second.Status, second.Data["audit_records_dropped"]));
        await host.StopAsync();
        SqliteConnection.ClearAllPools();

        async Task SendAsync(int webhooks)
        {
            for (int i = 0; i < webhooks && !fromOutbox; i++)
            {
                await host.Services.GetRequiredService<IWebhookDeliverySupervisor>().SendAsync(receiver.Destination("op_1"), Payload);
            }

            if (fromOutbox)
            {
                OutboxItem item = new(receiver.Destination("op_1"), Payload, new OutboxOptions { Tenant = "acme" });
                SqlWebhookOutbox outbox = host.Services.GetRequiredService<SqlWebhookOutbox>();
                await outbox.EnqueueAsync(null, [.. Enumerable.Repeat(item, webhooks)]);
                await outbox.DrainAsync();
            }
        }
    }

    [Theory]
    [InlineData(0, 0, 0, false, HealthStatus.Healthy, "")]
    [InlineData(59, 0, 0, false, HealthStatus.Healthy, "")]
    [InlineData(60, 0, 0, false, HealthStatus.Degraded, "has waited 00:01:00")]
    [InlineData(899, 0, 0, false, HealthStatus.Degraded, "has waited")]
    [InlineData(900, 0, 0, false, HealthStatus.Unhealthy, "has waited 00:15:00")]
    [InlineData(0, 3, 0, false, HealthStatus.Healthy, "")]
    [InlineData(0, 3, 0, true, HealthStatus.Degraded, "3 lanes have no living worker")]
    [InlineData(0, 0, 5, false, HealthStatus.Healthy, "")]
    [InlineData(0, 0, 6, false, HealthStatus.Degraded, "6 webhooks became dead letters")]
    public void Outbox_is_judged_by_its_thresholds(
        int oldestDue, int unowned, int newDead, bool staysUnowned, HealthStatus expected, string text)
    {
        HealthSettings limits = new()
        {
            DegradedPastDue = TimeSpan.FromMinutes(1),
            UnhealthyPastDue = TimeSpan.FromMinutes(15),
            AllowedNewDeadLetters = 5,
        };
        OutboxHealthCheck check = new(new ServiceCollection().BuildServiceProvider(), "");
        Assert.Equal(HealthStatus.Healthy, check.Judge(limits, Sample(0, 0, dead: 100, false)).Status);

        HealthCheckResult result = check.Judge(limits, Sample(oldestDue, unowned, 100 + newDead, staysUnowned));

        Assert.Equal(expected, result.Status);
        Assert.Contains(text, result.Description ?? "", StringComparison.Ordinal);

        // The same dead letters are no news for the next check.
        Assert.Equal(HealthStatus.Healthy, check.Judge(limits, Sample(0, 0, 100 + newDead, false)).Status);

        static OutboxSample Sample(int oldestDue, int unowned, long dead, bool staysUnowned) => new(
            new OutboxStatus { OldestDue = TimeSpan.FromSeconds(oldestDue), UnownedLanes = unowned, Dead = dead }, null, 0, staysUnowned);
    }

    [Fact]
    public void Outbox_whose_database_cannot_be_read_is_unhealthy()
    {
        OutboxHealthCheck check = new(new ServiceCollection().BuildServiceProvider(), "");

        HealthCheckResult result = check.Judge(new HealthSettings(), new OutboxSample(null, "SqliteException", 0, false));

        Assert.Equal(HealthStatus.Unhealthy, result.Status);
        Assert.Contains("SqliteException", result.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Thresholds_of_the_operations_page_are_those_of_the_settings()
    {
        HealthSettings defaults = new();

        IEnumerable<string> settings = typeof(HealthSettings).GetProperties()
            .Select(property => string.Create(CultureInfo.InvariantCulture, $"{property.Name} {property.GetValue(defaults)}"));

        Assert.Equal(
            settings.Order(StringComparer.Ordinal),
            ThresholdRow().Matches(Repository.Read("docs/operations.md"))
                .Select(static row => $"{row.Groups[1].Value} {row.Groups[2].Value}").Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\| `(adcp_\w+)` \|.*\| ([^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex CheckRow();

    [GeneratedRegex(@"^\| `Health:(\w+)` \| ([^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex ThresholdRow();

    private static Task<HealthReport> CheckAsync(IHost host) => host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

    /// <summary>A sink whose first call fails and whose second one does not return.</summary>
    private sealed class StuckSink : IDeliveryLogSink
    {
        private readonly TaskCompletionSource _stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _calls;

        /// <summary>Completes when the second call has begun.</summary>
        public Task Stuck => _stuck.Task;

        public void Release() => _release.SetResult();

        public async ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _calls) == 1)
            {
                throw new IOException("The disk is full.");
            }

            _stuck.TrySetResult();
            await _release.Task;
        }
    }
}
