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
}
