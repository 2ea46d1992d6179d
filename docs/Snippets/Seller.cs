using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Platform;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/seller.md.</summary>
internal static class SellerDocs
{
    public static async Task WireAsync(
        PlatformOptions options,
        WebhookSender sender,
        InMemoryWebhookDeliverySupervisor supervisor,
        JsonElement arguments,
        string tenant)
    {
        // snippet: wire-seller
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(new Seller(), options, sender, supervisor);
        ToolReply reply = await handler.CallAsync("create_media_buy", arguments, tenant);
        // end

        _ = reply;
    }

    public static async Task EndAsync(
        PlatformOptions options,
        InMemoryWebhookDeliverySupervisor supervisor,
        string tenant,
        string taskId,
        CreateMediaBuyResponse response)
    {
        // snippet: end-task
        await using TaskHandOff tasks = new(options, supervisor: supervisor); // or handler.Tasks

        // The buyer is notified once.
        await tasks.CompleteAsync(tenant, taskId, response, SellerJson.Default.CreateMediaBuyResponse);
        // end
    }

    public static async Task ResumeAsync(TaskHandOff tasks, string tenant, string taskId, CreateMediaBuyResponse response)
    {
        // snippet: resume-task
        // At start, for each task that was open when the last process ended.
        WorkOutcome outcome = await tasks.Run(
            tenant,
            taskId,
            async token =>
            {
                await Task.Delay(TimeSpan.FromSeconds(5), token);
                return response;
            },
            SellerJson.Default.CreateMediaBuyResponse);
        // end

        _ = outcome;
    }

    public static async Task ServeAsync(PlatformOptions options, WebhookSender sender, InMemoryWebhookDeliverySupervisor supervisor)
    {
        // snippet: serve-seller
        await AdcpServer.ServeAsync(
            new Seller(),
            options,
            new Uri("http://127.0.0.1:5080"),
            new AdcpServerOptions { Endpoints = new AdcpEndpointOptions { SharesOneTenant = true } },
            sender,
            supervisor);
        // end
    }

    public static async Task HostAsync(string[] args, SigningKey key, EncryptionKey encryptionKey)
    {
        // snippet: own-app
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.Services.AddAuthentication().AddBearerToken(); // your own scheme
        builder.Services.AddAuthorization();
        using ILoggerFactory logging = LoggerFactory.Create(static lines => lines.AddSimpleConsole());

        await using DbDataSource database = SqliteDataSource.Create(SqliteFactory.Instance, "seller.db"); // write-ahead log, mode 0600
        SqlTaskRegistry tasks = new(database, SqlDialect.Sqlite, SecretsAtRest.EncryptedWith(encryptionKey));
        SqlIdempotencyStore answers = new(
            database, SqlDialect.Sqlite, new IdempotencyStoreOptions { Secrets = SecretsAtRest.EncryptedWith(encryptionKey) });
        await tasks.CreateIfAbsentAsync();
        await answers.CreateIfAbsentAsync();

        using WebhookSender sender = new(new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V31 });
        await using InMemoryWebhookDeliverySupervisor supervisor = new(
            sender, new WebhookSupervisorOptions { Logger = logging.CreateLogger("Webhooks") });
        PlatformOptions options = new()
        {
            Version = AdcpVersion.V31,
            Tasks = tasks,
            Idempotency = answers,
            SigningKeys = [key],
            WebhookSigning = new WebhookSigningCapability { Algorithms = [key.Algorithm] },
            Logger = logging.CreateLogger("Seller"),
        };
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(new Seller(), options, sender, supervisor);
        await handler.CheckStoresAsync();

        AdcpEndpointOptions endpoints = new() { AllowedHosts = ["seller.example"] };
        builder.Services.AddAdcpMcp(handler, endpoints);
        builder.Services.AddAdcpPurge([tasks, answers]);

        WebApplication app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapAdcpMcp();                        // POST /mcp
        app.MapAdcpA2A(handler, endpoints);      // POST /a2a
        app.MapAdcpA2ACard(handler, new Uri("https://seller.example/a2a"), takesBearer: true);
        app.MapAdcpWellKnown([key], new Uri("https://seller.example/mcp"), AdcpVersion.V31);
        await app.RunAsync();

        // The host takes no more requests. Deliver the webhooks that are pending.
        await handler.DrainAsync(handler.DrainPatience);
        // end
    }

    public static PlatformOptions Stores(DbDataSource dataSource, EncryptionKey key)
    {
        SecretsAtRest secrets = SecretsAtRest.EncryptedWith(key);

        // snippet: postgres-stores
        PlatformOptions options = new()
        {
            Version = AdcpVersion.V31,
            Tasks = new SqlTaskRegistry(dataSource, SqlDialect.PostgreSql, secrets),
            Idempotency = new SqlIdempotencyStore(dataSource, SqlDialect.PostgreSql, new IdempotencyStoreOptions { Secrets = secrets }),
        };
        // end
        return options;
    }
}

// snippet: seller
public sealed record CreateMediaBuyRequest(string? BuyerRef);

public sealed record CreateMediaBuyResponse(string MediaBuyId);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CreateMediaBuyRequest))]
[JsonSerializable(typeof(CreateMediaBuyResponse))]
public sealed partial class SellerJson : JsonSerializerContext;

[AdcpPlatform(typeof(SellerJson))]
public sealed partial class Seller
{
    [AdcpTool("create_media_buy", Description = "Buys media.")]
    public async ValueTask<ToolOutcome<CreateMediaBuyResponse>> CreateMediaBuyAsync(CreateMediaBuyRequest request, ToolCall call)
    {
        if (request.BuyerRef is null)
        {
            return new CreateMediaBuyResponse("mb_1"); // the final answer
        }

        // Answers "submitted" at once. The task is completed with what the work returns.
        return await call.HandOffAsync(async token => await TrafficAsync(request, token), message: "In trafficking.");
    }

    private static async ValueTask<CreateMediaBuyResponse> TrafficAsync(CreateMediaBuyRequest request, CancellationToken token)
    {
        await Task.Delay(TimeSpan.FromSeconds(5), token); // your ad server's work
        return new CreateMediaBuyResponse("mb_" + request.BuyerRef);
    }
}
// end
