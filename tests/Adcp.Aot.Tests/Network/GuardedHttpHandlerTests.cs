using System.Net;
using Adcp.Aot.Network;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Network;

public sealed class GuardedHttpHandlerTests : IAsyncLifetime
{
    private RecordingReceiver _server = null!;

    public async ValueTask InitializeAsync() => _server = await RecordingReceiver.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("http://host.example/")]
    [InlineData("https://127.0.0.1/")]
    [InlineData("https://user@host.example/")]
    [InlineData("https://private.example/")]
    public async Task Destinations_that_the_guard_refuses_are_not_reached(string url)
    {
        using HttpClient client = new(new GuardedHttpHandler(new DestinationGuardOptions
        {
            Resolver = static (_, _) => Task.FromResult(new[] { IPAddress.Parse("10.0.0.7") }),
        }));

        DestinationNotAllowedException fault = await Assert.ThrowsAsync<DestinationNotAllowedException>(
            () => client.GetAsync(new Uri(url), TestContext.Current.CancellationToken));

        Assert.DoesNotContain("10.0.0.7", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_destinations_are_reached_and_redirects_not_followed()
    {
        _server.Answer = static http =>
        {
            http.Response.Redirect("/elsewhere");
            return Task.CompletedTask;
        };
        using HttpClient client = new(
            new GuardedHttpHandler(new DestinationGuardOptions { AllowHttp = true, AllowPrivateNetworks = true }));

        using HttpResponseMessage answer = await client.GetAsync(new Uri(_server.BaseUrl), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Single(_server.Requests);
    }
}
