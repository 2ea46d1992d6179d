using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Platform;
using Adcp.Aot.Signing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>A seller of one tool on a loopback port, over MCP and A2A.</summary>
internal sealed class ServedSeller : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly SigningKey _key;
    private readonly WebhookSender _sender;

    private ServedSeller(WebApplication app, SigningKey key, WebhookSender sender, PlatformHandler handler, Receiver.CapturingLog log)
    {
        _app = app;
        _key = key;
        _sender = sender;
        Handler = handler;
        Log = log;
    }

    public PlatformHandler Handler { get; }

    public Receiver.CapturingLog Log { get; }

    /// <summary>The log lines at warning or above since the start.</summary>
    public IEnumerable<string> Complaints =>
        Log.Lines.Skip(LinesAtStart).Where(static line => line.StartsWith("Warning", StringComparison.Ordinal)
        || line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Critical", StringComparison.Ordinal));

    private int LinesAtStart { get; init; }

    public Uri Url => new(_app.Urls.First());

    public static async Task<ServedSeller> StartAsync(
        AdcpEndpointOptions? endpoints = null,
        Func<PlatformOptions, PlatformOptions>? with = null,
        Action<WebApplication>? before = null,
        Func<string, CancellationToken, Task<IPAddress[]>>? resolver = null)
    {
        SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        WebhookSender sender = new(new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V31, Resolver = resolver });
        Receiver.CapturingLog log = new();
        PlatformOptions options = new() { Version = AdcpVersion.V31, SigningKeys = [key], Logger = log.CreateLogger("platform") };
        PlatformHandler handler = AdcpServer.CreateFromPlatform(new Tools(), with?.Invoke(options) ?? options, sender);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        endpoints ??= new AdcpEndpointOptions { SharesOneTenant = true };
        builder.Services.AddAdcpMcp(handler, endpoints);
        WebApplication app = builder.Build();
        before?.Invoke(app);
        app.MapAdcpMcp();
        app.MapAdcpA2A(handler, endpoints);
        app.MapAdcpA2ACard(handler, new Uri("http://127.0.0.1/a2a"), requiresProfile: !endpoints.AllowsA2AWithoutProfile);
        app.MapAdcpWellKnown([key], new Uri("http://127.0.0.1/mcp"), AdcpVersion.V31);
        await app.StartAsync();
        return new ServedSeller(app, key, sender, handler, log) { LinesAtStart = log.Lines.Count };
    }

    public Task<(HttpStatusCode Status, string Body)> A2AAsync(string body, Action<HttpRequestMessage>? with = null) =>
        PostAsync("a2a", Encoding.UTF8.GetBytes(body), with);

    public Task<(HttpStatusCode Status, string Body)> McpAsync(string body, Action<HttpRequestMessage>? with = null) =>
        PostAsync("mcp", Encoding.UTF8.GetBytes(body), with);

    public async Task<(HttpStatusCode Status, string Body)> PostAsync(string path, byte[] body, Action<HttpRequestMessage>? with = null)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(Url, path)) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("A2A-Version", "1.0");
        request.Headers.Add("A2A-Extensions", "https://adcontextprotocol.org/extensions/adcp/v3");
        with?.Invoke(request);
        using HttpResponseMessage response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public static string Rpc(string method, string parameters) =>
        $$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""";

    /// <summary>A hand-off over MCP.</summary>
    public static string Buy(string members = "") =>
        Rpc("tools/call", $$"""{"name":"create_media_buy","arguments":{"idempotency_key":"{{Guid.NewGuid()}}"{{members}} } }""");

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await Handler.DrainAsync(TimeSpan.Zero);
        await Handler.DisposeAsync();
        _sender.Dispose();
        _key.Dispose();
    }

    private sealed class Tools : IAdcpPlatform
    {
        IReadOnlyList<ToolDescription> IAdcpPlatform.Tools { get; } =
        [
            new("create_media_buy"),
            new("get_products") { CanHandOff = false },
            new("sync_creatives") { CanHandOff = false },
            new("get_adcp_capabilities") { CanHandOff = false },
        ];

        public async ValueTask<ToolReply> InvokeAsync(
            string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken) => tool == "sync_creatives"
            ? ToolReply.Completed("""{"creatives":[{"creative_id":"c","size":9007199254740992}]}"""u8.ToArray())
            : tool is "get_products" or "get_adcp_capabilities"
            ? ToolReply.Completed(JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["tenant"] = call.Tenant }))
            : ToolReply.HandedOff(await call.HandOffAsync(cancellationToken: cancellationToken));
    }
}
