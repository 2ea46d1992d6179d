using System.CommandLine;
using System.Data.Common;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Platform;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Benchmarks.Attacks;

/// <summary>
/// The seller that <see cref="AttacksCommand"/> attacks: MCP, A2A and published keys on loopback, tasks in a SQLite file, all bounds at
/// their defaults. The bearer token is the tenant. Prints its address and ends when its input does.
/// </summary>
internal static class AttackedSeller
{
    /// <summary>
    /// Names under it are answered after <see cref="SilentFor"/>, by a resolver that blocks its thread as the system's does.
    /// </summary>
    internal const string SilentZone = ".slow.example";

    /// <summary>The time-out of the C library against a name server that does not answer: two tries of 5 s.</summary>
    internal static readonly TimeSpan SilentFor = TimeSpan.FromSeconds(10);

    internal static Command Create()
    {
        Command command = new("attacks-seller") { Hidden = true };
        command.SetAction(_ => RunAsync());
        return command;
    }

    private static async Task RunAsync()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adcp-attacks-");
        try
        {
            await using DbDataSource database = SqliteDataSource.Create(SqliteFactory.Instance, Path.Combine(folder.FullName, "seller.db"));
            using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
            WebhookSenderOptions sending =
                new() { Version = AdcpVersion.V31, AllowHttp = true, AllowPrivateNetworks = true, Resolver = Resolve };
            using WebhookSender sender = new(new Rfc9421Signer(key), sending);
            await using InMemoryWebhookDeliverySupervisor supervisor = new(sender);
            EncryptionKey secrets = new("attacks-1", RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes));
            SqlTaskRegistry tasks = new(database, SqlDialect.Sqlite, SecretsAtRest.EncryptedWith(secrets));
            await tasks.CreateIfAbsentAsync();
            Tools tools = new();
            PlatformOptions options = new() { Version = AdcpVersion.V31, SigningKeys = [key], Tasks = tasks };
            await using PlatformHandler handler = AdcpServer.CreateFromPlatform(tools, options, supervisor: supervisor);
            tools.Handler = handler;
            await ServeAsync(handler, key);
            await handler.DrainAsync(TimeSpan.Zero);
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    private static async Task ServeAsync(PlatformHandler handler, SigningKey key)
    {
        const string Scheme = "Bearer ";
        AdcpEndpointOptions endpoints = new()
        {
            TenantOf = static http => http.Request.Headers.Authorization.ToString() is { } given
                && given.StartsWith(Scheme, StringComparison.Ordinal) ? given[Scheme.Length..] : null,
        };
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddAdcpMcp(handler, endpoints);
        await using WebApplication app = builder.Build();
        app.MapAdcpMcp();
        app.MapAdcpA2A(handler, endpoints);
        app.MapAdcpWellKnown([key], new Uri("http://127.0.0.1/mcp"), AdcpVersion.V31);
        await app.StartAsync();
        Console.WriteLine(app.Urls.First());
        while (await Console.In.ReadLineAsync() is not null)
        {
        }

        await app.StopAsync(new CancellationToken(canceled: true));
    }

    private static Task<IPAddress[]> Resolve(string host, CancellationToken cancellationToken)
    {
        if (host.EndsWith(SilentZone, StringComparison.Ordinal))
        {
            Thread.Sleep(SilentFor);
            throw new SocketException((int)SocketError.HostNotFound);
        }

        return Task.FromResult<IPAddress[]>([IPAddress.Loopback]);
    }

    /// <summary>Hands every purchase off, and ends them with results of 0.9 MB when its products are asked for.</summary>
    private sealed class Tools : IAdcpPlatform
    {
        private static readonly byte[] Result = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 900_000)}}"}""");

        private readonly List<(string Tenant, string TaskId)> _open = [];

        public PlatformHandler? Handler { get; set; }

        IReadOnlyList<ToolDescription> IAdcpPlatform.Tools { get; } =
            [new("create_media_buy"), new("get_products")];

        public async ValueTask<ToolReply> InvokeAsync(
            string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken)
        {
            if (tool == "create_media_buy")
            {
                HandedOff task = await call.HandOffAsync(cancellationToken: cancellationToken);
                lock (_open)
                {
                    _open.Add((call.Tenant, task.TaskId));
                }

                return ToolReply.HandedOff(task);
            }

            (string Tenant, string TaskId)[] open;
            lock (_open)
            {
                open = [.. _open];
                _open.Clear();
            }

            foreach ((string tenant, string taskId) in open)
            {
                // As a serializer would make it: one array.
                byte[] result = [.. Result];
                await Handler!.Tasks.EnterAsync(tenant, taskId, AdcpTaskStatus.Completed, result, cancellationToken: cancellationToken);
            }

            return ToolReply.Completed(Encoding.UTF8.GetBytes($$"""{"ended":{{open.Length}}}"""));
        }
    }
}
