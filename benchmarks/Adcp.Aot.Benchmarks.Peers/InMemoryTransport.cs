using System.Collections.Concurrent;
using DotNetCore.CAP;
using DotNetCore.CAP.Messages;
using DotNetCore.CAP.Transport;

namespace Adcp.Aot.Benchmarks.Peers;

/// <summary>A transport of CAP in this process, so that no broker costs it anything: its tables alone keep the messages.</summary>
public sealed class InMemoryTransport : ICapOptionsExtension, ITransport, IConsumerClientFactory
{
    private readonly ConcurrentDictionary<string, Client> _clients = new(StringComparer.Ordinal);

    public BrokerAddress BrokerAddress => new("memory", "localhost");

    public void AddServices(IServiceCollection services)
    {
        services.AddSingleton(new CapMessageQueueMakerService("memory"));
        services.AddSingleton<ITransport>(this);
        services.AddSingleton<IConsumerClientFactory>(this);
    }

    public async Task<OperateResult> SendAsync(TransportMessage message)
    {
        foreach ((string group, Client client) in _clients)
        {
            TransportMessage copy = new(new Dictionary<string, string?>(message.Headers) { [Headers.Group] = group }, message.Body);
            await client.OnMessageCallback!(copy, null);
        }

        return OperateResult.Success;
    }

    public Task<IConsumerClient> CreateAsync(string groupName, byte groupConcurrent) =>
        Task.FromResult<IConsumerClient>(_clients.GetOrAdd(groupName, static _ => new Client()));

    private sealed class Client : IConsumerClient
    {
        public BrokerAddress BrokerAddress => new("memory", "localhost");

        public Func<TransportMessage, object?, Task>? OnMessageCallback { get; set; }

        public Action<LogMessageEventArgs>? OnLogCallback { get; set; }

        public Task SubscribeAsync(IEnumerable<string> topics) => Task.CompletedTask;

        public async Task ListeningAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        public Task CommitAsync(object? sender) => Task.CompletedTask;

        public Task RejectAsync(object? sender) => Task.CompletedTask;

        public ValueTask DisposeAsync() => default;
    }
}
