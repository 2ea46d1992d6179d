using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>Counts webhooks on a loopback port and answers them with a status.</summary>
internal sealed class LocalReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    private LocalReceiver(WebApplication app) => _app = app;

    public int Count => Volatile.Read(ref _count);

    public int Status { get; set; } = 200;

    public ConcurrentQueue<string> TraceParents { get; } = new();

    public static async Task<LocalReceiver> StartAsync(bool waits = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        LocalReceiver receiver = new(builder.Build());
        if (!waits)
        {
            receiver.Answer();
        }

        receiver._app.Run(receiver.ReceiveAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public WebhookDestination Destination(string operation, string path = "/hook") => new(_app.Urls.First() + path, operation);

    public void Answer() => _answer.TrySetResult();

    public async Task WhenReceived(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(60)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _arrived.Dispose();
    }

    private async Task ReceiveAsync(HttpContext http)
    {
        await http.Request.Body.CopyToAsync(Stream.Null);
        Interlocked.Increment(ref _count);
        TraceParents.Enqueue(http.Request.Headers["traceparent"].ToString());
        _arrived.Release();
        await _answer.Task;
        http.Response.StatusCode = Status;
    }
}
