using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Testing;
using Adcp.Aot.Tests.Documentation;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

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

        await monitor.SampleAsync(TestContext.Current.CancellationToken);
        HealthReport report = await CheckAsync(host);

        // The page of operations has a row for each check, with the keys of its data.
        Assert.Equal(
            report.Entries.Select(static e => $"{e.Key}: {string.Join(", ", e.Value.Data.Keys)}").Order(StringComparer.Ordinal),
            CheckRow().Matches(Repository.Read("docs/operations.md"))
                .Select(static row => $"{row.Groups[1].Value}: {row.Groups[2].Value.Replace("`", "", StringComparison.Ordinal)}")
                .Order(StringComparer.Ordinal));
        Assert.Equal(1, monitor.Last!.Status.Waiting);
        Assert.Contains(report.Entries, static e => e.Key == AdcpWebhooksBuilder.OutboxCheck);
        Assert.NotEqual(HealthStatus.Unhealthy, (await check.CheckHealthAsync(new HealthCheckContext())).Status);

        // A check reads the last sample and does not wait for the database.
        Assert.All(
            (IHealthCheck[])[check, new DeliveryHealthCheck(host.Services, "")],
            static check => Assert.True(check.CheckHealthAsync(new HealthCheckContext()).IsCompletedSuccessfully));

        // No process has a worker, which counts from the second sample.
        await monitor.SampleAsync(TestContext.Current.CancellationToken);
        HealthCheckResult unowned = await check.CheckHealthAsync(new HealthCheckContext());
        Assert.Equal((HealthStatus.Degraded, 64), (unowned.Status, unowned.Data["unowned_lanes"]));
        Assert.Contains("64 lanes have no living worker", unowned.Description, StringComparison.Ordinal);
        await host.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Results_fenced_off_are_measured_by_the_process_of_their_worker_only(bool runsWorker)
    {
        string instance = runsWorker ? "delivers" : "enqueues";
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(
            [.. TestHost.Sound, .. TestHost.Outbox(folder), ("Adcp:Outbox:RunsWorker", runsWorker.ToString())]);
        builder.Services.AddAdcpWebhooks(instance).BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOutbox();
        ConcurrentBag<string> measured = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == AdcpTelemetry.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) =>
        {
            if (tags.ToArray().Any(tag => tag.Key == AdcpTags.Instance && instance.Equals(tag.Value)))
            {
                measured.Add(instrument.Name);
            }
        });
        listener.Start();
        using IHost host = builder.Build();
        await host.StartAsync();
        await host.Services.GetRequiredKeyedService<OutboxMonitor>(instance).SampleAsync(TestContext.Current.CancellationToken);

        // The monitor begins in the background.
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(30));
        do
        {
            await Task.Yield();
            timeout.Token.ThrowIfCancellationRequested();
            listener.RecordObservableInstruments();
        }
        while (!measured.Contains(AdcpInstruments.OutboxWorkers));

        Assert.Equal(runsWorker, measured.Contains(AdcpInstruments.OutboxFencedOff));
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
            new OutboxStatus { OldestDue = TimeSpan.FromSeconds(oldestDue), UnownedLanes = unowned, Dead = dead }, staysUnowned);
    }

    [Theory]
    [InlineData("outbox", AdcpWebhooksBuilder.OutboxCheck)]
    [InlineData("tasks", AdcpWebhooksBuilder.StoreCheck)]
    [InlineData("receiver", AdcpReceiverBuilder.StoreCheck)]
    public async Task A_database_that_cannot_be_read_is_unhealthy_and_no_check_waits_for_it(string owner, string name)
    {
        using Folder folder = new();
        using FailingSource source = new(SqliteDataSource.Create(SqliteFactory.Instance, folder["a.db"]));
        FakeTimeProvider time = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. TestHost.Outbox(folder), ("Hooks:JwksUri", "https://seller.example/jwks.json"),
            ("Hooks:PublicOrigins:0", "https://buyer.example"), ("Hooks:Database:Dialect", "Sqlite"),
        ]);
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddSingleton<DbDataSource>(source);
        if (owner == "receiver")
        {
            builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask)
                .BindConfiguration("Hooks").AddHealthChecks("ready");
        }
        else
        {
            AdcpWebhooksBuilder webhooks = builder.Services.AddAdcpWebhooks()
                .BindConfiguration("Adcp").UseDatabase().AddHealthChecks("ready");
            _ = owner == "outbox" ? webhooks.AddOutbox() : webhooks;
        }

        using IHost host = builder.Build();
        await host.StartAsync();
        DatabaseMonitor monitor = owner == "outbox" ? host.Services.GetRequiredKeyedService<OutboxMonitor>("")
            : host.Services.GetRequiredKeyedService<StoreMonitor>(owner == "tasks" ? "webhooks:" : "receiver:");

        await monitor.SampleAsync(TestContext.Current.CancellationToken);
        HealthReportEntry sound = await OneAsync();
        source.Fails = true;
        HealthReportEntry before = await OneAsync();
        await monitor.SampleAsync(TestContext.Current.CancellationToken);
        HealthReportEntry failed = await OneAsync();

        Assert.All((HealthReportEntry[])[sound, before], static entry => Assert.NotEqual(HealthStatus.Unhealthy, entry.Status));
        Assert.Equal(HealthStatus.Unhealthy, failed.Status);
        Assert.StartsWith("The database cannot be read (IOException). ", failed.Description, StringComparison.Ordinal);
        Assert.Equal(["ready"], failed.Tags);
        Assert.Contains($"\n| `{name}`", Repository.Read("docs/operations.md"), StringComparison.Ordinal);
        await host.StopAsync();
        SqliteConnection.ClearAllPools();

        async Task<HealthReportEntry> OneAsync() => (await CheckAsync(host)).Entries[name];
    }

    [Fact]
    public async Task A_database_that_was_not_read_yet_is_degraded_and_one_that_stops_answering_is_unhealthy()
    {
        using Folder folder = new();
        using DbDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, folder["a.db"]);
        FakeTimeProvider time = new();
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(time);
        services.AddKeyedSingleton(
            "store", (provider, _) => new StoreMonitor(provider, "a test", _ => new StoreSource(source, SqlDialect.Sqlite)));
        await using ServiceProvider provider = services.BuildServiceProvider();
        StoreHealthCheck check = new(provider, "store", "Nothing works.");

        HealthCheckResult first = await check.CheckHealthAsync(new HealthCheckContext());
        await provider.GetRequiredKeyedService<StoreMonitor>("store").SampleAsync(TestContext.Current.CancellationToken);
        HealthCheckResult second = await check.CheckHealthAsync(new HealthCheckContext());
        time.Advance(3 * DatabaseMonitor.Interval);
        HealthCheckResult third = await check.CheckHealthAsync(new HealthCheckContext());

        Assert.Equal((HealthStatus.Degraded, HealthStatus.Healthy, HealthStatus.Unhealthy), (first.Status, second.Status, third.Status));
        Assert.StartsWith("The database was not read yet.", first.Description, StringComparison.Ordinal);
        Assert.Equal("The database has not answered for 00:00:30. Nothing works.", third.Description);
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task Without_a_database_the_check_of_the_store_is_healthy()
    {
        HostApplicationBuilder builder = TestHost.Builder(TestHost.Sound);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").AddHealthChecks();
        using IHost host = builder.Build();
        await host.StartAsync();

        HealthReportEntry entry = (await CheckAsync(host)).Entries[AdcpWebhooksBuilder.StoreCheck];

        Assert.Equal((HealthStatus.Healthy, "Nothing is kept in a database."), (entry.Status, entry.Description));
        await host.StopAsync();
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

    /// <summary>A database that can be taken away.</summary>
    private sealed class FailingSource(DbDataSource inner) : DbDataSource
    {
        public bool Fails { get; set; }

        public override string ConnectionString => inner.ConnectionString;

        protected override DbConnection CreateDbConnection() =>
            Fails ? throw new IOException("The database is away.") : inner.CreateConnection();

        protected override DbConnection OpenDbConnection() =>
            Fails ? throw new IOException("The database is away.") : inner.OpenConnection();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
