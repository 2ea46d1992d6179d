using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Platform;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting.Tests.Sellers;

public sealed record BuyRequest(string? BuyerRef);

public sealed record BuyResponse(string MediaBuyId, string Scope);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BuyRequest))]
[JsonSerializable(typeof(BuyResponse))]
public sealed partial class SellerJson : JsonSerializerContext;

/// <summary>A service of a call's scope.</summary>
public sealed class CallScope : IDisposable
{
    public string Id { get; } = Guid.NewGuid().ToString("N");

    public bool IsDisposed { get; private set; }

    public void Dispose() => IsDisposed = true;
}

[AdcpPlatform(typeof(SellerJson))]
public sealed partial class ScopedSeller(CallScope scope, TaskHandOff tasks)
{
    [AdcpTool("create_media_buy")]
    public async ValueTask<ToolOutcome<BuyResponse>> BuyAsync(BuyRequest request, ToolCall call)
    {
        Assert.NotNull(tasks);
        string id = scope.Id;
        if (request.BuyerRef == "later")
        {
            // Somebody else ends the task.
            return await call.HandOffAsync();
        }

        return request.BuyerRef is null
            ? new BuyResponse("mb_1", id)
            : await call.HandOffAsync(_ => ValueTask.FromResult(new BuyResponse("mb_" + request.BuyerRef, id)));
    }
}

/// <summary>A seller that tells its instance.</summary>
[AdcpPlatform(typeof(SellerJson))]
public sealed partial class PlainSeller
{
    private readonly string _id = Guid.NewGuid().ToString("N");

    [AdcpTool("create_media_buy")]
    public ValueTask<ToolOutcome<BuyResponse>> BuyAsync(BuyRequest request) => new(new BuyResponse("mb_" + request.BuyerRef, _id));
}

/// <summary>Counts the webhooks of the application; a service of the container.</summary>
public sealed class Inbox
{
    private readonly TaskCompletionSource<ReceivedWebhook> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<ReceivedWebhook> First => _first.Task.WaitAsync(TimeSpan.FromSeconds(30));

    public void Add(ReceivedWebhook webhook) => _first.TrySetResult(webhook);
}

public sealed class InboxHandler(Inbox inbox, CallScope scope) : IAdcpWebhookHandler
{
    public ValueTask HandleAsync(ReceivedWebhook webhook, CancellationToken cancellationToken)
    {
        Assert.False(scope.IsDisposed);
        inbox.Add(webhook);
        return ValueTask.CompletedTask;
    }
}

public sealed class SellerAppTests : IDisposable
{
    private readonly CapturingLog _log = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_seller_and_a_receiver_of_the_container_exchange_a_webhook(bool durable)
    {
        using Folder folder = new();
        await using WebApplication buyer = Buyer(out string hooks);
        await using WebApplication app = Seller(folder["seller.db"], durable, hooks);
        buyer.MapAdcpWebhookReceiver("/adcp/webhooks");
        app.MapAdcpSeller();
        await app.StartAsync();
        await buyer.StartAsync();

        (HttpStatusCode status, string answer) = await CallAsync(
            app, "a2a", """
                {"buyer_ref":"r1","idempotency_key":"0b6e1b3c-5f9d-4c83-9d55-0c2f4a8d9e10",
                "push_notification_config":{"url":"URL","operation_id":"op_1"}}
                """.Replace("URL", hooks + "/adcp/webhooks", StringComparison.Ordinal));
        ReceivedWebhook webhook = await buyer.Services.GetRequiredService<Inbox>().First;

        Assert.True(status == HttpStatusCode.OK && answer.Contains("submitted", StringComparison.Ordinal), answer);
        Assert.Equal("op_1", webhook.Envelope!.OperationId);
        await app.StopAsync();
        await buyer.StopAsync();
        SqliteConnection.ClearAllPools();
        Assert.DoesNotContain(_log.Lines, static line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_operator_page_finds_its_operations_in_the_container(bool durable)
    {
        using Folder folder = new();
        await using WebApplication app = Seller(folder["seller.db"], durable, "http://127.0.0.1");
        app.MapAdcpOperations(static options => options.AllowsAnyone = true);
        await app.StartAsync();
        using HttpClient http = new();

        string features = await http.GetStringAsync(new Uri(new Uri(app.Urls.First()), "adcp/api/features"));

        Assert.Equal(durable, JsonDocument.Parse(features).RootElement.GetProperty("dead_letters").GetBoolean());
        await app.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task The_operator_page_of_a_container_without_operations_is_refused()
    {
        await using WebApplication app = WebApplication.CreateSlimBuilder().Build();

        InvalidOperationException fault = Assert.Throws<InvalidOperationException>(
            () => app.MapAdcpOperations(static options => options.AllowsAnyone = true));

        Assert.Contains("AddOperations()", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_call_takes_the_seller_from_a_scope_of_its_own()
    {
        using Folder folder = new();
        await using WebApplication app = Seller(folder["seller.db"], durable: false, "http://127.0.0.1");
        PlatformHandler handler = app.Services.GetRequiredService<PlatformHandler>();
        await app.StartAsync();

        string first = await ScopeOfAsync(handler, "3f2d7a90-1111-4c83-9d55-0c2f4a8d9e10");
        string second = await ScopeOfAsync(handler, "3f2d7a90-2222-4c83-9d55-0c2f4a8d9e10");

        Assert.NotEqual(first, second);
        await app.StopAsync();
        SqliteConnection.ClearAllPools();

        static async Task<string> ScopeOfAsync(PlatformHandler handler, string key)
        {
            ToolReply reply = await handler.CallAsync(
                "create_media_buy", JsonElement.Parse($$"""{"idempotency_key":"{{key}}"}"""), "acme");
            return JsonElement.Parse(reply.Body.Span).GetProperty("scope").GetString()!;
        }
    }

    [Theory]
    [InlineData(ServiceLifetime.Singleton, 1)]
    [InlineData(ServiceLifetime.Scoped, 2)]
    public async Task A_seller_lives_as_long_as_its_registration_says(ServiceLifetime lifetime, int sellers)
    {
        using Folder folder = new();
        await using WebApplication app = Seller(folder["seller.db"], durable: false, "http://127.0.0.1", builder =>
            builder.Services.AddAdcpSeller<PlainSeller>(lifetime));
        await app.StartAsync();
        PlatformHandler handler = app.Services.GetRequiredService<PlatformHandler>();

        HashSet<string> seen = [];
        foreach (string key in (string[])["3f2d7a90-1111-4c83-9d55-0c2f4a8d9e10", "3f2d7a90-2222-4c83-9d55-0c2f4a8d9e10"])
        {
            ToolReply reply = await handler.CallAsync(
                "create_media_buy", JsonElement.Parse($$"""{"buyer_ref":"r1","idempotency_key":"{{key}}"}"""), "acme");
            seen.Add(JsonElement.Parse(reply.Body.Span).GetProperty("scope").GetString()!);
        }

        Assert.Equal(sellers, seen.Count);
        await app.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_named_seller_is_served_with_the_settings_of_its_name()
    {
        using Folder folder = new();
        await using WebApplication app = Seller(folder["seller.db"], durable: false, "http://127.0.0.1", builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Europe:Version"] = "3.1",
                ["Europe:Keys:0:Jwk"] = TestHost.Jwk,
                ["Europe:Seller:Name"] = "Seller of Europe",
                ["Europe:Seller:PublicUrl"] = _sellerUrl,
                ["Europe:Seller:SharesOneTenant"] = "true",
            });
            builder.Services.AddAdcpWebhooks("europe").BindConfiguration("Europe");
            builder.Services.AddAdcpSeller<PlainSeller>(name: "europe");
            builder.Services.AddAdcpSeller<ScopedSeller>();
        });
        app.MapAdcpSeller("europe");
        await app.StartAsync();
        using HttpClient http = new();

        (HttpStatusCode status, string answer) = await CallAsync(
            app, "a2a", """{"buyer_ref":"r7","idempotency_key":"0b6e1b3c-5f9d-4c83-9d55-0c2f4a8d9e10"}""");
        string card = await http.GetStringAsync(new Uri(new Uri(app.Urls.First()), ".well-known/agent-card.json"));

        Assert.True(status == HttpStatusCode.OK && answer.Contains("mb_r7", StringComparison.Ordinal), answer);
        Assert.Equal("Seller of Europe", JsonDocument.Parse(card).RootElement.GetProperty("name").GetString());
        Assert.Equal(
            (AdcpVersion.V31, AdcpVersion.V32),
            (app.Services.GetRequiredKeyedService<AdcpSeller>("europe").Options.Version,
                app.Services.GetRequiredService<AdcpSeller>().Options.Version));
        Assert.NotSame(
            app.Services.GetRequiredKeyedService<TaskHandOff>("europe"), app.Services.GetRequiredService<TaskHandOff>());
        await app.StopAsync();
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public async Task A_task_that_was_open_when_the_process_ended_is_continued_after_the_start()
    {
        using Folder folder = new();
        string task;
        await using (WebApplication before = Seller(folder["seller.db"], durable: true, "http://127.0.0.1"))
        {
            await before.StartAsync();
            ToolReply reply = await before.Services.GetRequiredService<PlatformHandler>().CallAsync(
                "create_media_buy",
                JsonElement.Parse("""{"buyer_ref":"later","idempotency_key":"3f2d7a90-1111-4c83-9d55-0c2f4a8d9e10"}"""), "acme");
            task = reply.TaskId!;
            await before.StopAsync();
        }

        TaskCompletionSource<(string Status, WorkOutcome Outcome)> resumed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CallScope? scope = null;
        await using WebApplication after = Seller(folder["seller.db"], durable: true, "http://127.0.0.1", builder =>
            builder.Services.AddAdcpSeller<ScopedSeller>().ResumeBy(async (services, tasks, cancellationToken) =>
            {
                scope = services.GetRequiredService<CallScope>();
                Assert.False(scope.IsDisposed);
                string status = await StatusOfAsync(services.GetRequiredService<PlatformHandler>(), task);
                Task<WorkOutcome> work = tasks.Run(
                    "acme", task, _ => ValueTask.FromResult(new BuyResponse("mb_9", "")), SellerJson.Default.BuyResponse);
                _ = work.ContinueWith(
                    ended => resumed.SetResult((status, ended.Result)), CancellationToken.None, TaskContinuationOptions.None,
                    TaskScheduler.Default);
            }));
        await after.StartAsync();

        (string Status, WorkOutcome Outcome) open = await resumed.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(("submitted", true), (open.Status, open.Outcome.IsCompleted));
        Assert.Equal("completed", await StatusOfAsync(after.Services.GetRequiredService<PlatformHandler>(), task));
        Assert.True(scope!.IsDisposed);
        await after.StopAsync();
        SqliteConnection.ClearAllPools();

        static async Task<string> StatusOfAsync(PlatformHandler handler, string task)
        {
            ToolReply reply = await handler.CallAsync("get_task_status", JsonElement.Parse($$"""{"task_id":"{{task}}"}"""), "acme");
            return JsonElement.Parse(reply.Body.Span).GetProperty("status").GetString()!;
        }
    }

    [Fact]
    public async Task Version_and_keys_of_the_seller_are_those_of_its_webhooks()
    {
        using Folder folder = new();
        await using WebApplication app = Seller(folder["seller.db"], durable: true, "http://127.0.0.1");
        AdcpSeller seller = app.Services.GetRequiredService<AdcpSeller>();

        Assert.Equal(AdcpVersion.V32, seller.Options.Version);
        Assert.Equal(["seller-1"], seller.Options.SigningKeys.Select(static key => key.KeyId));
        Assert.Equal(TimeSpan.FromHours(48), seller.Options.WebhookSigning!.RetryHorizon);
        Assert.Same(app.Services.GetRequiredService<SqlWebhookOutbox>(), seller.Options.Outbox);
        SqliteConnection.ClearAllPools();
    }

    [Fact]
    public void A_seller_without_webhooks_is_refused_with_the_call_that_is_missing()
    {
        ServiceCollection services = new();
        services.AddLogging();
        services.AddAdcpSeller<ScopedSeller>();
        using ServiceProvider provider = services.BuildServiceProvider();

        Assert.Contains("AddAdcpWebhooks",
            Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<TaskHandOff>()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => services.AddAdcpSeller<ScopedSeller>());
    }

    public void Dispose() => _log.Dispose();

    private static async Task<(HttpStatusCode Status, string Body)> CallAsync(WebApplication app, string path, string input)
    {
        const string Message = """
            {"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","role":"ROLE_USER",
            "parts":[{"data":{"skill":"create_media_buy","input":INPUT}}]}}}
            """;
        string body = Message.Replace("INPUT", input, StringComparison.Ordinal);
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(new Uri(app.Urls.First()), path))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("A2A-Version", "1.0");
        request.Headers.Add("A2A-Extensions", "https://adcontextprotocol.org/extensions/adcp/v3");
        using HttpResponseMessage response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static string FreeOrigin()
    {
        using System.Net.Sockets.TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
    }

    private WebApplication Seller(string file, bool durable, string buyer, Action<WebApplicationBuilder>? addSeller = null)
    {
        Assert.NotNull(buyer);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(_log);
        builder.WebHost.UseUrls(_sellerUrl);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:adcp"] = file,
            ["Adcp:Version"] = "3.2",
            ["Adcp:Keys:0:Jwk"] = TestHost.Jwk,
            ["Adcp:Sender:AllowHttp"] = "true",
            ["Adcp:Sender:AllowPrivateNetworks"] = "true",
            ["Adcp:EncryptionKeys:0:Id"] = "2026",
            ["Adcp:EncryptionKeys:0:Base64"] = Convert.ToBase64String(new byte[32]),
            ["Adcp:Database:Dialect"] = "Sqlite",
            ["Adcp:Outbox:RetryHorizon"] = "2.00:00:00",
            ["Adcp:Seller:PublicUrl"] = _sellerUrl,
            ["Adcp:Seller:SharesOneTenant"] = "true",
            ["Adcp:Seller:AllowsProcessLocalDelivery"] = durable ? "false" : "true",
        });
        builder.Services.AddScoped<CallScope>();
        AdcpWebhooksBuilder webhooks = builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: static (_, path) => SqliteDataSource.Create(SqliteFactory.Instance, path))
            .AddOperations();
        if (durable)
        {
            webhooks.AddOutbox();
        }

        if (addSeller is null)
        {
            builder.Services.AddAdcpSeller<ScopedSeller>().AddMcp();
        }
        else
        {
            addSeller(builder);
        }

        return builder.Build();
    }

    private readonly string _sellerUrl = FreeOrigin();

    private WebApplication Buyer(out string origin)
    {
        origin = FreeOrigin();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(_log);
        builder.WebHost.UseUrls(origin);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AdcpReceiver:JwksUri"] = _sellerUrl + "/.well-known/jwks.json",
            ["AdcpReceiver:AllowHttp"] = "true",
            ["AdcpReceiver:AllowPrivateNetworks"] = "true",
            ["AdcpReceiver:PublicOrigins:0"] = origin,
            ["AdcpReceiver:KeepsClaimsInMemory"] = "true",
        });
        builder.Services.AddSingleton<Inbox>();
        builder.Services.AddScoped<CallScope>();
        builder.Services.AddAdcpWebhookReceiver<InboxHandler>().BindConfiguration("AdcpReceiver");
        return builder.Build();
    }
}
