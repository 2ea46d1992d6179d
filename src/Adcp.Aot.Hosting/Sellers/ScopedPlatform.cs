using System.Text.Json;
using Adcp.Aot.Platform;
using Microsoft.Extensions.DependencyInjection;

namespace Adcp.Aot.Hosting;

/// <summary>A platform that takes the seller from a scope of its own for each call.</summary>
internal sealed class ScopedPlatform<T>(IServiceProvider services) : IAdcpPlatform
    where T : class, IAdcpPlatform
{
    private readonly Lazy<IReadOnlyList<ToolDescription>> _tools = new(() =>
    {
        using IServiceScope scope = services.CreateScope();
        return scope.ServiceProvider.GetRequiredService<T>().Tools;
    });

    public IReadOnlyList<ToolDescription> Tools => _tools.Value;

    public async ValueTask<ToolReply> InvokeAsync(
        string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken)
    {
        AsyncServiceScope scope = services.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            T seller = scope.ServiceProvider.GetRequiredService<T>();
            return await seller.InvokeAsync(tool, arguments, call, cancellationToken).ConfigureAwait(false);
        }
    }
}
