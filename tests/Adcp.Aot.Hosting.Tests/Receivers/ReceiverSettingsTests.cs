using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

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
}
