using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>Passes bytes to a server, until it is told to break or to silence the connections it has.</summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _server;
    private readonly List<Pair> _pairs = [];
    private readonly CancellationTokenSource _stopped = new();
    private readonly Task _accepting;

    public TcpRelay(string serverUrl)
    {
        _server = new Uri(serverUrl).Port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/hook";

    public int Accepted
    {
        get
        {
            lock (_pairs)
            {
                return _pairs.Count;
            }
        }
    }

    /// <summary>Resets all connections.</summary>
    public void Reset()
    {
        lock (_pairs)
        {
            foreach (Pair pair in _pairs.Where(static pair => !pair.IsReset))
            {
                pair.IsReset = true;
                pair.Client.LingerState = new LingerOption(true, 0);
                pair.Client.Dispose();
                pair.Server.Dispose();
            }
        }
    }

    /// <summary>Passes no byte of the present connections any more, and closes none.</summary>
    /// <returns>A task that ends when the client has sent something into the silence.</returns>
    public Task Silence()
    {
        lock (_pairs)
        {
            foreach (Pair pair in _pairs)
            {
                pair.Silent = true;
            }

            return Task.WhenAny(_pairs.Select(static pair => pair.Swallowed.Task));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Dispose();
        Reset();
        await _accepting;
        _stopped.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> pumps = [];
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stopped.Token);
                Socket server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await server.ConnectAsync(IPAddress.Loopback, _server, _stopped.Token);
                Pair pair = new(client, server);
                lock (_pairs)
                {
                    _pairs.Add(pair);
                }

                pumps.Add(PumpAsync(pair, client, server));
                pumps.Add(PumpAsync(pair, server, client));
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or InvalidOperationException)
        {
        }

        await Task.WhenAll(pumps);
    }

    private async Task PumpAsync(Pair pair, Socket from, Socket to)
    {
        byte[] buffer = new byte[1 << 16];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, _stopped.Token)) > 0)
            {
                if (!pair.Silent)
                {
                    await to.SendAsync(buffer.AsMemory(0, read), _stopped.Token);
                }
                else if (from == pair.Client)
                {
                    pair.Swallowed.TrySetResult();
                }
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private sealed class Pair(Socket client, Socket server)
    {
        public Socket Client => client;

        public Socket Server => server;

        public bool IsReset { get; set; }

        public volatile bool Silent;

        public TaskCompletionSource Swallowed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
