using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Hosting.Tests.Receivers;

public sealed class ReceiverSettingsTests
{
    [Fact]
    public async Task Every_fault_is_listed_with_its_path()
    {
        HostApplicationBuilder builder = TestHost.Builder(
            ("Hooks:JwksUri", "seller.example/jwks.json"), ("Hooks:Token", "short"), ("Hooks:Lease", "0"), ("Hooks:PublicOrgins:0", "x"),
            ("Hooks:Database:Dialect", "Access"));
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks");
        using IHost host = builder.Build();

        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Equal(
            ["Hooks:Database:Dialect", "Hooks:JwksUri", "Hooks:Lease", "Hooks:PublicOrgins:0", "Hooks:PublicOrigins", "Hooks:Token"],
            fault.Failures.Select(static failure => failure[..failure.IndexOf(": ", StringComparison.Ordinal)])
                .Distinct().Order(StringComparer.Ordinal));
        Assert.DoesNotContain(fault.Failures, static failure => failure.Contains("short", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_missing_connection_string_is_a_fault_with_its_path()
    {
        HostApplicationBuilder builder = TestHost.Builder(
            ("Hooks:JwksUri", "https://seller.example/jwks.json"), ("Hooks:PublicOrigins:0", "https://buyer.example"),
            ("Hooks:Database:Dialect", "Sqlite"));
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks")
            .UseDatabase(open: static (_, _) => throw new InvalidOperationException("A connection string is missing."));
        using IHost host = builder.Build();

        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.StartsWith("ConnectionStrings:adcp: missing. ", Assert.Single(fault.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changed_settings_are_logged_and_need_a_restart()
    {
        CapturingLog log = new();
        HostApplicationBuilder builder = TestHost.Builder(
            log, ("Hooks:JwksUri", "https://seller.example/jwks.json"), ("Hooks:PublicOrigins:0", "https://buyer.example"),
            ("Hooks:KeepsClaimsInMemory", "true"));
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks");
        using IHost host = builder.Build();
        await host.StartAsync();
        IConfigurationRoot configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();

        configuration["Hooks:Token"] = "a-secret-that-no-line-shows-0123456789";
        configuration["Hooks:MaxConcurrentWebhooks"] = "7";
        configuration.Reload();
        configuration["Hooks:MaxConcurrentWebhooks"] = "0";
        configuration.Reload();

        Assert.EndsWith(
            ": Hooks:MaxConcurrentWebhooks, Hooks:Token. Restart the process to apply them. ",
            await log.WhenWritten(HostingEventIds.SettingsRefused), StringComparison.Ordinal);
        Assert.Contains("Hooks:MaxConcurrentWebhooks: ", await log.WhenWritten(HostingEventIds.SettingsFaulty), StringComparison.Ordinal);
        Assert.DoesNotContain(log.Lines, static line => line.Contains("a-secret", StringComparison.Ordinal));
        await host.StopAsync();
    }

    [Fact]
    public async Task Faults_of_two_receivers_are_reported_together()
    {
        HostApplicationBuilder builder = TestHost.Builder(("A:KeepsClaimsInMemory", "true"), ("B:KeepsClaimsInMemory", "true"));
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("A");
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask, name: "b").BindConfiguration("B");
        using IHost host = builder.Build();

        AggregateException faults = await Assert.ThrowsAsync<AggregateException>(() => host.StartAsync());

        Assert.Equal(
            ["A:JwksUri", "A:PublicOrigins", "B:JwksUri", "B:PublicOrigins"],
            faults.InnerExceptions.Cast<OptionsValidationException>().SelectMany(static fault => fault.Failures)
                .Select(static failure => failure[..failure.IndexOf(": ", StringComparison.Ordinal)]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("JwksUri=https://seller.example/jwks.json", null)]
    [InlineData("Domain=seller.example;AgentUrl=https://seller.example/mcp", null)]
    [InlineData("BrandJson=https://seller.example/b.json;AgentUrl=https://seller.example/mcp", null)]
    [InlineData("JwksUri=https://keys.seller.example/jwks.json;KeyOrigin=https://keys.seller.example", null)]
    [InlineData("Domain=seller.example;AgentUrl=https://seller.example/mcp;MaxBrandJsonBytes=2097152", null)]
    [InlineData("Domain=seller.example", "Hooks:AgentUrl")]
    [InlineData("Domain=seller.example/path;AgentUrl=https://seller.example/mcp", "Hooks:Domain")]
    [InlineData("Domain=http://seller.example;AgentUrl=https://seller.example/mcp", "Hooks:Domain")]
    [InlineData("Domain=seller.example;BrandJson=https://seller.example/b.json;AgentUrl=https://seller.example/mcp", "Hooks:BrandJson")]
    [InlineData("Domain=seller.example;JwksUri=https://seller.example/jwks.json;AgentUrl=https://seller.example/mcp", "Hooks:Domain")]
    [InlineData("BrandJson=https://seller.example/b.json;AgentUrl=seller.example", "Hooks:AgentUrl")]
    [InlineData("JwksUri=https://seller.example/jwks.json;KeyOrigin=https://keys.seller.example", "Hooks:JwksUri")]
    [InlineData("JwksUri=https://seller.example/jwks.json;KeyOrigin=keys.seller.example", "Hooks:KeyOrigin")]
    [InlineData("Domain=seller.example;AgentUrl=https://seller.example/mcp;MaxBrandJsonBytes=1000", "Hooks:MaxBrandJsonBytes")]
    public async Task The_places_of_the_keys_are_checked_when_the_host_starts(string settings, string? path)
    {
        IEnumerable<(string, string)> given = settings.Split(';')
            .Select(static setting => ("Hooks:" + setting.Split('=')[0], setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]));
        HostApplicationBuilder builder = TestHost.Builder(
            [("Hooks:PublicOrigins:0", "https://buyer.example"), ("Hooks:KeepsClaimsInMemory", "true"), .. given]);
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks");
        using IHost host = builder.Build();

        Exception? fault = await Record.ExceptionAsync(() => host.StartAsync());

        Assert.Equal(path, (fault as OptionsValidationException)?.Failures.Single().Split(": ")[0]);
        Assert.Equal(path is null, fault is null);
    }

    [Theory]
    [InlineData("AgentUrl=https://seller.example/mcp;AdAgentsFile=listed.json", null)]
    [InlineData("AdAgentsFile=listed.json", "Hooks:AgentUrl")]
    [InlineData("AgentUrl=seller.example;AdAgentsFile=listed.json", "Hooks:AgentUrl")]
    [InlineData("AgentUrl=https://another.example/mcp;AdAgentsFile=listed.json", "Hooks:AdAgentsFile")]
    [InlineData("AgentUrl=https://seller.example/mcp;AdAgentsFile=broken.json", "Hooks:AdAgentsFile")]
    [InlineData("AgentUrl=https://seller.example/mcp;AdAgentsFile=missing.json", "Hooks:AdAgentsFile")]
    public async Task The_pins_of_a_publisher_are_checked_when_the_host_starts(string settings, string? path)
    {
        using Folder folder = new();
        File.WriteAllText(folder["listed.json"], """{"authorized_agents":[{"url":"https://seller.example/mcp"}]}""");
        File.WriteAllText(folder["broken.json"], """{"authorized_agents":7}""");
        IEnumerable<(string, string)> given = settings.Split(';').Select(static setting => setting.Split('='))
            .Select(pair => ("Hooks:" + pair[0], pair[0] == "AdAgentsFile" ? folder[pair[1]] : pair[1]));
        HostApplicationBuilder builder = TestHost.Builder(
        [
            ("Hooks:PublicOrigins:0", "https://buyer.example"), ("Hooks:KeepsClaimsInMemory", "true"),
            ("Hooks:JwksUri", "https://seller.example/jwks.json"), .. given,
        ]);
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks");
        using IHost host = builder.Build();

        Exception? fault = await Record.ExceptionAsync(() => host.StartAsync());

        Assert.Equal(path, (fault as OptionsValidationException)?.Failures.Single().Split(": ")[0]);
        Assert.Equal(path is null, fault is null);
    }

    [Fact]
    public async Task Pins_and_a_verifier_in_code_exclude_each_other()
    {
        HostApplicationBuilder builder = TestHost.Builder(
            ("Hooks:PublicOrigins:0", "https://buyer.example"), ("Hooks:KeepsClaimsInMemory", "true"), ("Hooks:AdAgentsFile", "a.json"));
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks")
            .UseVerifier((_, replays) => new Rfc9421Verifier(VerificationKeySet.FromJwks("""{"keys":[]}""", sender: "none"), replays));
        using IHost host = builder.Build();

        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.StartsWith("Hooks:AdAgentsFile: the verifier is given in code.", fault.Failures.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pins_hold_for_webhooks_and_their_file_is_read_again_when_it_changes()
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        using SigningKey foreign = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        await using WebApplication seller = WebApplication.CreateSlimBuilder().Build();
        seller.Urls.Add("http://127.0.0.1:0");
        seller.MapGet("/jwks.json", () => SigningKey.ExportJwks([key]));
        await seller.StartAsync();
        using Folder folder = new();
        Pin(foreign);
        FakeTimeProvider time = new(DateTimeOffset.UtcNow);
        CapturingLog log = new();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Hooks:JwksUri"] = seller.Urls.First() + "/jwks.json",
            ["Hooks:AgentUrl"] = "https://seller.example/mcp",
            ["Hooks:AdAgentsFile"] = folder["adagents.json"],
            ["Hooks:AllowHttp"] = "true",
            ["Hooks:AllowPrivateNetworks"] = "true",
            ["Hooks:TrustHostHeader"] = "true",
            ["Hooks:KeepsClaimsInMemory"] = "true",
        });
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddAdcpWebhookReceiver((_, _, _) => ValueTask.CompletedTask).BindConfiguration("Hooks");
        await using WebApplication buyer = builder.Build();
        buyer.Urls.Add("http://127.0.0.1:0");
        buyer.MapAdcpWebhookReceiver("/hook");
        await buyer.StartAsync();
        using WebhookSender sender = new(
            new Signing.Rfc9421Signer(key),
            new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });

        int foreignPin = await SendAsync();
        Pin(key);
        time.Advance(FileWatch.Interval);
        int ownPin = await SendAsync();
        File.WriteAllText(folder["adagents.json"], "{}");
        time.Advance(FileWatch.Interval);
        int brokenFile = await SendAsync();

        Assert.Equal((401, 200, 200), (foreignPin, ownPin, brokenFile));
        Assert.Contains("Hooks:AdAgentsFile", await log.WhenWritten(HostingEventIds.FilesRead), StringComparison.Ordinal);
        Assert.Contains("Hooks:AdAgentsFile", await log.WhenWritten(HostingEventIds.FilesRefused), StringComparison.Ordinal);

        void Pin(SigningKey pinned) => File.WriteAllText(
            folder["adagents.json"],
            $$"""{"authorized_agents":[{"url":"https://seller.example/mcp","signing_keys":[{{pinned.ExportPublicJwk()}}]}]}""");

        async Task<int> SendAsync()
        {
            McpWebhook report = new() { TaskId = "task_1", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed };
            WebhookDestination destination = new(buyer.Urls.First() + "/hook", "op_1");
            return (await sender.SendAsync(sender.Prepare(destination, report))).StatusCode;
        }
    }
}
