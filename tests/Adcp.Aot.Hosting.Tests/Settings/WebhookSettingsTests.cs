using System.Reflection;
using System.Text;
using System.Text.Json;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.Hosting.Tests.Settings;

public sealed class WebhookSettingsTests
{
    [Fact]
    public async Task Settings_of_a_file_reach_sender_and_supervisor()
    {
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, ("Adcp:Retry:MaxAttempts", "7"), ("Adcp:Retry:BaseDelay", "00:00:02"),
            ("Adcp:Sender:AttemptTimeout", "00:00:03"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp");
        using IHost host = builder.Build();

        WebhookSender sender = host.Services.GetRequiredService<WebhookSender>();
        InMemoryWebhookDeliverySupervisor supervisor = host.Services.GetRequiredService<InMemoryWebhookDeliverySupervisor>();

        Assert.Equal((AdcpVersion.V31, "seller-1", TimeSpan.FromSeconds(3)), (sender.Version, sender.KeyId, sender.Facts.AttemptTimeout));
        Assert.Equal((7, TimeSpan.FromSeconds(2)), (supervisor.Retry.MaxAttempts, supervisor.Retry.BaseDelay));
        await host.StartAsync();
        await host.StopAsync();
    }

    [Fact]
    public async Task Every_fault_is_listed_with_its_path()
    {
        HostApplicationBuilder builder = TestHost.Builder(
            ("Adcp:Version", "4.0"),
            ("Adcp:Keys:0:File", "no-such.jwk"),
            ("Adcp:Retry:MaxAttempts", "many"),
            ("Adcp:Retry:BaseDelay", "-00:00:01"),
            ("Adcp:Retry:MaxDelay", "soon"),
            ("Adcp:Rety:MaxAttempts", "3"),
            ("Adcp:Circuit:FailureTreshold", "3"),
            ("Adcp:Database:Dialect", "Oracle"),
            ("Adcp:Outbox:RetryHorizon", "30.00:00:00"),
            ("Adcp:Outbox:DeadLetterRetention", "00:59:00"),
            ("Adcp:Seller:PublicUrl", "seller.example"),
            ("Adcp:Health:DegradedOpenShare", "2"));
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").AddOutbox();
        using IHost host = builder.Build();

        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        string[] paths = [.. fault.Failures.Select(static failure => failure[..failure.IndexOf(": ", StringComparison.Ordinal)])];
        string[] expected =
        [
            "Adcp:Circuit:FailureTreshold", "Adcp:Database", "Adcp:Database:Dialect", "Adcp:EncryptionKeys",
            "Adcp:Health:DegradedOpenShare", "Adcp:Keys:0", "Adcp:Outbox:DeadLetterRetention", "Adcp:Outbox:RetryHorizon",
            "Adcp:Retry:BaseDelay", "Adcp:Retry:MaxAttempts", "Adcp:Retry:MaxDelay", "Adcp:Rety:MaxAttempts", "Adcp:Seller:PublicUrl",
            "Adcp:Version",
        ];
        Assert.Equal(expected, paths.Order(StringComparer.Ordinal));
        Assert.Contains(fault.Failures,
            failure => failure.Contains("'Rety' is no setting of Adcp, which has Circuit, Database", StringComparison.Ordinal));
        Assert.Contains(fault.Failures, failure => failure.Contains("'many' cannot be read as a whole number", StringComparison.Ordinal));
        Assert.Contains(fault.Failures, failure => failure.Contains("3.0, 3.1, 3.2", StringComparison.Ordinal));
        Assert.Contains(fault.Failures, failure => failure.Contains("Sqlite, PostgreSql, MySql", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Missing_version_and_key_are_faults_and_name_the_remedy()
    {
        HostApplicationBuilder builder = TestHost.Builder(("Adcp:Retry:MaxAttempts", "3"));
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").UseDatabase();
        using IHost host = builder.Build();

        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Equal(
            ["Adcp:Database", "Adcp:Database:Dialect", "Adcp:EncryptionKeys", "Adcp:Keys", "Adcp:Version"],
            fault.Failures.Select(static failure => failure[..failure.IndexOf(": ", StringComparison.Ordinal)])
                .Order(StringComparer.Ordinal));
        Assert.All(fault.Failures, failure => Assert.Contains(": missing. ", failure, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Times_of_the_outbox_come_from_the_settings()
    {
        using Folder folder = new();
        SqlWebhookOutboxOptions? bound = null;
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. TestHost.Outbox(folder), ("Adcp:Outbox:RetryHorizon", "2.00:00:00"),
            ("Adcp:Outbox:DeliveryIdRetention", "3.00:00:00"), ("Adcp:Outbox:DeadLetterRetention", "4.00:00:00"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path)).AddOutbox()
            .ConfigureOutbox((_, options) => bound = options);
        using IHost host = builder.Build();

        await host.StartAsync();
        await host.StopAsync();
        SqliteConnection.ClearAllPools();

        Assert.Equal(
            (TimeSpan.FromDays(2), TimeSpan.FromDays(3), TimeSpan.FromDays(4)),
            (bound!.RetryHorizon, bound.DeliveryIdRetention, bound.DeadLetterRetention));
    }

    [Theory]
    [InlineData("adcp", null)]
    [InlineData("other", "other")]
    public async Task A_missing_connection_string_is_a_fault_with_its_path(string path, string? connectionName)
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(
        [
            .. TestHost.Sound, .. TestHost.Outbox(folder).Where(static setting => setting.Key != "ConnectionStrings:adcp"),
            .. connectionName is null ? Array.Empty<(string, string)>() : [("Adcp:Database:ConnectionName", connectionName)],
            ("Adcp:Retry:MaxAttempts", "0"),
        ]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
            .UseDatabase(open: static (_, _) => throw new InvalidOperationException("A connection string is missing.")).AddOutbox();
        using IHost host = builder.Build();

        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Equal(2, fault.Failures.Count());
        Assert.Contains(
            $"ConnectionStrings:{path}: missing. Set the connection string of the database, or name another one in "
            + "Adcp:Database:ConnectionName.",
            fault.Failures);
    }

    [Fact]
    public async Task A_database_that_is_opened_without_a_connection_string_needs_none()
    {
        using Folder folder = new();
        HostApplicationBuilder builder = TestHost.Builder(
            [.. TestHost.Sound, .. TestHost.Outbox(folder).Where(static setting => setting.Key != "ConnectionStrings:adcp")]);
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp")
            .UseDatabase(_ => SqliteDataSource.Create(SqliteFactory.Instance, folder["own.db"])).AddOutbox();
        using IHost host = builder.Build();

        await host.StartAsync();
        await host.StopAsync();
        SqliteConnection.ClearAllPools();

        Assert.True(File.Exists(folder["own.db"]));
    }

    [Fact]
    public void Faults_of_settings_in_code_are_listed_without_a_section()
    {
        ServiceCollection services = new();
        services.AddAdcpWebhooks(settings => settings.Retry.MaxAttempts = 0);
        using ServiceProvider provider = services.BuildServiceProvider();

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(
            () => provider.GetRequiredService<IOptionsMonitor<AdcpWebhookSettings>>().Get(""));

        Assert.Contains(fault.Failures,
            static failure => failure.StartsWith("Retry:MaxAttempts: MaxAttempts ('0') must be", StringComparison.Ordinal));
    }

    [Fact]
    public void Unknown_names_without_a_value_are_faults_and_empty_sections_are_none()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($$"""
            {
              "R": {
                "Version": "3.2", "Keys": [ { "Jwk": {{JsonSerializer.Serialize(TestHost.Jwk)}} } ],
                "Rety": {}, "Kyes": [], "Token": "", "Seler": null,
                "Retry": { "Jiter": "", "MaxAttempts": null }, "Circuit": {}, "EncryptionKeys": [], "Outbox": { "Retry": {}, "Lese": {} },
                "Sender": { "AllowedPorts": [], "Egress": [ { "Origins": [ "*" ], "Proxi": {} } ] }
              }
            }
            """)));
        builder.Services.AddAdcpWebhooks().BindConfiguration("R");
        using IHost host = builder.Build();

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(
            () => host.Services.GetRequiredService<IOptionsMonitor<AdcpWebhookSettings>>().Get(""));

        Assert.Equal(
            ["R:Kyes", "R:Outbox:Lese", "R:Retry:Jiter", "R:Rety", "R:Seler", "R:Sender:Egress:0:Proxi", "R:Token"],
            fault.Failures.Select(static failure => failure.Split(": ")[0]).Order(StringComparer.Ordinal));
        Assert.All(fault.Failures, static failure => Assert.Contains("is no setting of R", failure, StringComparison.Ordinal));
    }

    [Fact]
    public void Lists_of_a_section_replace_those_before_it()
    {
        HostApplicationBuilder builder = TestHost.Builder(
            ("A:Version", "3.1"), ("A:Keys:0:Jwk", TestHost.Jwk), ("A:Sender:AllowedPorts:0", "443"), ("A:Sender:AllowedPorts:1", "8443"),
            ("A:Seller:AllowedHosts:0", "a.example"), ("B:Version", "3.2"), ("B:Sender:AllowedPorts:0", "444"));
        builder.Services.AddAdcpWebhooks(static settings =>
        {
            settings.Seller.AllowedHosts.Add("code.example");
            settings.Seller.AllowedOrigins.Add("https://code.example");
        }).BindConfiguration("A").BindConfiguration("B");
        using IHost host = builder.Build();

        AdcpWebhookSettings settings = host.Services.GetRequiredService<IOptionsMonitor<AdcpWebhookSettings>>().Get("");

        Assert.Equal(AdcpVersion.V32, settings.Version);
        Assert.Equal([444], settings.Sender.AllowedPorts);
        Assert.Equal(["a.example"], settings.Seller.AllowedHosts);
        Assert.Equal(["https://code.example"], settings.Seller.AllowedOrigins);
        Assert.Single(settings.Keys);
    }

    [Fact]
    public void Every_list_is_replaced()
    {
        AdcpWebhookSettings webhooks = new();
        AdcpReceiverSettings receiver = new();

        Assert.Equal(Lists(typeof(AdcpWebhookSettings), ""), Paths(webhooks.Lists));
        Assert.Equal(Lists(typeof(AdcpReceiverSettings), ""), Paths(receiver.Lists));

        static IEnumerable<string> Paths(IEnumerable<(string Path, Action Clear)> lists) =>
            lists.Select(static list => list.Path).Order(StringComparer.Ordinal);

        static IEnumerable<string> Lists(Type type, string prefix) => type.GetProperties()
            .SelectMany(property =>
                property.PropertyType is { IsGenericType: true } list && list.GetGenericTypeDefinition() == typeof(IList<>)
                    ? [prefix + property.Name]
                : property.PropertyType.Namespace == type.Namespace && property.PropertyType.IsClass
                    ? Lists(property.PropertyType, $"{prefix}{property.Name}:")
                : [])
            .Order(StringComparer.Ordinal);
    }

    /// <summary>A setting that nothing reads would be ignored silently.</summary>
    [Theory]
    [InlineData(typeof(AdcpWebhookSettings))]
    [InlineData(typeof(AdcpReceiverSettings))]
    public void Every_number_and_time_is_checked(Type type)
    {
        foreach (string path in Bounded(type, ""))
        {
            IEnumerable<string> failures = type == typeof(AdcpReceiverSettings)
                ? ReceiverFailures(("R:" + path, Wrong(path, type)))
                : WebhookFailures([("R:" + path, Wrong(path, type))]);

            Assert.Contains(failures, failure => failure.StartsWith($"R:{path}: ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_key_that_is_there_twice_is_a_fault()
    {
        IEnumerable<string> failures = WebhookFailures(
            [("R:Version", "3.2"), ("R:Keys:0:Jwk", TestHost.Jwk), ("R:Keys:1:Jwk", TestHost.Jwk)]);

        Assert.Equal(["R:Keys:1: the key id 'seller-1' is there twice. Give each key an id of its own."], failures);
    }

    [Fact]
    public void Encryption_keys_have_thirty_two_bytes()
    {
        IEnumerable<string> failures = WebhookFailures(
            [("R:Version", "3.2"), ("R:Keys:0:Jwk", TestHost.Jwk), ("R:EncryptionKeys:0:Id", "a"), ("R:EncryptionKeys:0:Base64", "AAAA")]);

        Assert.Equal(["R:EncryptionKeys:0: An AES-256 key has 32 bytes."], failures);
    }

    private static IEnumerable<string> WebhookFailures((string, string)[] settings)
    {
        HostApplicationBuilder builder = TestHost.Builder(settings);
        builder.Services.AddAdcpWebhooks().BindConfiguration("R");
        using IHost host = builder.Build();
        return Assert.Throws<OptionsValidationException>(
            () => host.Services.GetRequiredService<IOptionsMonitor<AdcpWebhookSettings>>().Get("")).Failures;
    }

    private static IEnumerable<string> ReceiverFailures(params (string, string)[] settings)
    {
        HostApplicationBuilder builder = TestHost.Builder(settings);
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("R");
        using IHost host = builder.Build();
        return Assert.Throws<OptionsValidationException>(
            () => host.Services.GetRequiredService<IOptionsMonitor<AdcpReceiverSettings>>().Get("")).Failures;
    }

    private static IEnumerable<string> Bounded(Type type, string prefix)
    {
        foreach (PropertyInfo property in type.GetProperties())
        {
            Type plain = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (plain == typeof(int) || plain == typeof(long) || plain == typeof(TimeSpan) || plain == typeof(double))
            {
                yield return prefix + property.Name;
            }
            else if (plain.IsClass && plain.Namespace == typeof(AdcpWebhookSettings).Namespace)
            {
                foreach (string nested in Bounded(plain, $"{prefix}{property.Name}:"))
                {
                    yield return nested;
                }
            }
        }
    }

    private static string Wrong(string path, Type type)
    {
        foreach (string part in path.Split(':'))
        {
            type = type.GetProperty(part)!.PropertyType;
        }

        return (Nullable.GetUnderlyingType(type) ?? type) == typeof(TimeSpan) ? "-00:00:01" : "-1";
    }
}
