using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>An HTTP server that keeps the requests it gets, url and Host as they were on the wire.</summary>
internal sealed class RecordingReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RecordingReceiver(WebApplication app) => _app = app;

    public string BaseUrl => _app.Urls.First();

    public ConcurrentQueue<Received> Requests { get; } = new();

    /// <summary>Writes the answer; default 200.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = static _ => Task.CompletedTask;

    public static async Task<RecordingReceiver> StartAsync(bool http2 = false, Action<HttpsConnectionAdapterOptions>? https = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = http2 ? HttpProtocols.Http2 : HttpProtocols.Http1;
                if (https is not null)
                {
                    listen.UseHttps(https);
                }
            }));
        WebApplication app = builder.Build();
        RecordingReceiver receiver = new(app);
        app.Run(receiver.ReceiveAsync);
        await app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext http)
    {
        using MemoryStream body = new();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        string target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        string url = $"{http.Request.Scheme}://{http.Request.Host.Value}{target}";
        Requests.Enqueue(new Received(
            http.Request.Method, url, http.Request.Headers.ToDictionary(h => h.Key, h =>
                h.Value.ToString(), StringComparer.OrdinalIgnoreCase), body.ToArray()));
        await Answer(http);
    }

    internal sealed record Received(string Method, string Url, Dictionary<string, string> Headers, byte[] Body);
}
