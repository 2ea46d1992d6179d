using System.Text;
using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Hosting;
using Adcp.Aot.Platform;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol.Protocol;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the MCP server of a seller's platform.</summary>
public static class AdcpMcpServiceCollectionExtensions
{
    /// <summary>Registers the MCP server of a platform.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="platform">The wired platform. The caller drains it.</param>
    /// <param name="options">The rules for callers; null for authenticated ones under a loopback host.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="options"/> sets two sources of the tenant.</exception>
    public static IServiceCollection AddAdcpMcp(
        this IServiceCollection services, PlatformHandler platform, AdcpEndpointOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(platform);
        AdcpEndpointOptions endpoints = (options ?? new AdcpEndpointOptions()).Checked(nameof(options));
        services.AddSingleton(endpoints);
        return Add(services, _ => platform, _ => endpoints);
    }

    /// <summary>
    /// Registers the MCP server of the seller that <see cref="AdcpSellerServiceCollectionExtensions.AddAdcpSeller"/> registered. The rules
    /// for callers are the service <see cref="AdcpEndpointOptions"/> if there is one, and those of <see cref="SellerSettings"/> otherwise.
    /// An application has one MCP server.
    /// </summary>
    /// <param name="seller">The seller.</param>
    /// <exception cref="ArgumentNullException"><paramref name="seller"/> is null.</exception>
    public static AdcpSellerBuilder AddMcp(this AdcpSellerBuilder seller)
    {
        ArgumentNullException.ThrowIfNull(seller);
        string name = seller.Name;
        seller.Services.AddSingleton(new RegisteredMcp(name));
        Add(seller.Services, services => SellerServices.Of(services, name).Handler, services => SellerServices.EndpointsOf(services, name));
        return seller;
    }

    private static IServiceCollection Add(
        IServiceCollection services,
        Func<IServiceProvider, PlatformHandler> platform,
        Func<IServiceProvider, AdcpEndpointOptions> endpoints)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton(new ServedMcp(platform));
        services.AddMcpServer(options => options.ServerInfo = new Implementation { Name = "adcp-seller", Version = "1.0" })
            .WithHttpTransport(options => options.Stateless = true)
            .WithListToolsHandler((request, _) =>
                ValueTask.FromResult(new ListToolsResult { Tools = [.. platform(request.Services!).Tools.Select(Describe)] }))
            .WithCallToolHandler(async (request, cancellationToken) =>
            {
                // If there is no request that passed the guard, such as on another transport of the same server, the
                // caller is unknown.
                HttpContext? http = request.Services?.GetService<IHttpContextAccessor>()?.HttpContext;
                string? tenant = http?.Features.Get<Caller>()?.Tenant
                    ?? (endpoints(request.Services!).SharesOneTenant ? Caller.Anonymous : null);
                if (tenant is null)
                {
                    PlatformHandler handler = platform(request.Services!);
                    string code = handler.Options.Version == AdcpVersion.V30 ? "AUTH_REQUIRED" : "AUTH_MISSING";
                    return Answer(handler.Refuse(new AdcpError(code, "The call is not authenticated.")));
                }

                JsonElement arguments = Arguments(request.Params?.Arguments);
                return Answer(await platform(request.Services!).CallAsync(request.Params!.Name, arguments, tenant, null, cancellationToken)
                    .ConfigureAwait(false));
            });
        return services;
    }

    private static Tool Describe(ToolDescription tool) => new()
    {
        Name = tool.Name,
        Description = tool.Description,
        InputSchema = tool.InputSchema ?? PlatformDispatch.AnyInput,
        Annotations = new ToolAnnotations { ReadOnlyHint = !tool.IsMutating },
    };

    private static JsonElement Arguments(IDictionary<string, JsonElement>? arguments)
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            foreach ((string name, JsonElement value) in arguments ?? new Dictionary<string, JsonElement>())
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }

            json.WriteEndObject();
        }

        return JsonElement.Parse(output.ToArray());
    }

    /// <summary>Returns the answer as structured content, and as text for clients that read only text.</summary>
    private static CallToolResult Answer(ToolReply reply) => new()
    {
        StructuredContent = JsonElement.Parse(reply.Body.Span),
        Content = reply.Error is { } error
            ? [new TextContentBlock { Text = Text(error) }, new TextContentBlock { Text = error.Message }]
            : [new TextContentBlock { Text = Encoding.UTF8.GetString(reply.Body.Span) }],
        IsError = reply.Error is not null,
    };

    private static string Text(AdcpError error)
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WritePropertyName("adcp_error"u8);
            error.WriteTo(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(output.GetBuffer(), 0, (int)output.Length);
    }
}
