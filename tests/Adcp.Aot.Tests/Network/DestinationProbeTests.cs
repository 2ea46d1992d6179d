using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Network;
using Adcp.Aot.Tests.Doubles;
using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.Tests.Network;

public sealed class DestinationProbeTests : IAsyncLifetime
{
    private RecordingReceiver _server = null!;

    public async ValueTask InitializeAsync() => _server = await RecordingReceiver.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("no url", DestinationStep.Url)]
    [InlineData("https://user@host.example/", DestinationStep.Url)]
    [InlineData("http://host.example/", DestinationStep.Guard)]
    [InlineData("https://169.254.169.254/", DestinationStep.Guard)]
    [InlineData("https://private.example/", DestinationStep.Guard)]
    [InlineData("https://absent.example/", DestinationStep.Name)]
    [InlineData("https://silent.example/", DestinationStep.Name)]
    public async Task The_step_that_fails_is_named_with_its_reason(string url, DestinationStep step)
    {
        using DestinationProbe probe = new(new DestinationGuardOptions
        {
            Resolver = static (host, _) => host switch
            {
                "private.example" => Task.FromResult(new[] { IPAddress.Parse("10.0.0.7") }),
                "absent.example" => throw new SocketException((int)SocketError.HostNotFound),
                _ => throw new SocketException((int)SocketError.TryAgain),
            },
        });

        DestinationReport report = await probe.RunAsync(url, 0, TestContext.Current.CancellationToken);

        Assert.False(report.IsReachable);
        Assert.Equal(step, report.FailedStep);
        Assert.NotEmpty(report.Fault!);
        if (url.Contains("private", StringComparison.Ordinal))
        {
            Assert.Contains("10.0.0.7", report.Fault, StringComparison.Ordinal);
            Assert.Equal([IPAddress.Parse("10.0.0.7")], report.Addresses);
        }
    }

    [Fact]
    public async Task A_closed_port_fails_the_connection_and_a_port_without_tls_fails_tls()
    {
        using TcpListener closed = new(IPAddress.Loopback, 0);
        closed.Start();
        int port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        using DestinationProbe probe = Probe();

        DestinationReport refused = await probe.RunAsync($"http://127.0.0.1:{port}/", 0, TestContext.Current.CancellationToken);
        DestinationReport plain = await probe.RunAsync(
            _server.BaseUrl.Replace("http:", "https:", StringComparison.Ordinal), 0, TestContext.Current.CancellationToken);

        Assert.Equal(DestinationStep.Connection, refused.FailedStep);
        Assert.Equal(DestinationStep.Tls, plain.FailedStep);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3600, 3600)]
    [InlineData(-3600, -3600)]
    public async Task The_clock_of_the_host_is_compared_by_the_date_of_its_answer(int ahead, int expected)
    {
        _server.Answer = http =>
        {
            http.Response.Headers.Date = DateTimeOffset.UtcNow.AddSeconds(ahead).ToString("R");
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return Task.CompletedTask;
        };
        using DestinationProbe probe = Probe();

        DestinationReport report = await probe.RunAsync(_server.BaseUrl, 0, TestContext.Current.CancellationToken);

        Assert.True(report.IsReachable);
        Assert.Equal(405, report.StatusCode);
        Assert.Equal("HEAD", Assert.Single(_server.Requests).Method);

        // Whole seconds and the time of the request are taken off, so that a difference is never overstated.
        Assert.InRange(report.ClockOffset!.Value.TotalSeconds, Math.Min(expected, 0), Math.Max(expected, 0));
        Assert.True(Math.Abs(report.ClockOffset.Value.TotalSeconds) >= Math.Abs(expected) * 0.9);
    }

    [Fact]
    public async Task A_body_is_read_up_to_its_bound()
    {
        _server.Answer = static http => http.Response.WriteAsync("0123456789");
        using DestinationProbe probe = Probe();

        DestinationReport fits = await probe.RunAsync(_server.BaseUrl, 10, TestContext.Current.CancellationToken);
        DestinationReport exceeds = await probe.RunAsync(_server.BaseUrl, 9, TestContext.Current.CancellationToken);

        Assert.Equal("0123456789"u8.ToArray(), fits.Body.ToArray());
        Assert.Equal((DestinationStep.Answer, "the answer has more than 9 bytes"), (exceeds.FailedStep, exceeds.Fault));
    }

    private static DestinationProbe Probe() => new(new DestinationGuardOptions { AllowHttp = true, AllowPrivateNetworks = true });
}
