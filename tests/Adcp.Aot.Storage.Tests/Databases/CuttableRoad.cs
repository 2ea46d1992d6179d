using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>
/// A TCP path to a server that can be cut, with all connections, and restored on the same port. For its clients the
/// server is gone, also in the middle of a commit.
/// </summary>
internal sealed class CuttableRoad : IAsyncDisposable
{
    private readonly IPEndPoint _server;
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private TcpListener _listener;
    private Task _accepting;

    public CuttableRoad(int serverPort)
    {
        _server = new IPEndPoint(IPAddress.Loopback, serverPort);
        _listener = new TcpListener(IPAddress.Loopback, 0);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync(_listener);
    }

    public int Port { get; }

    /// <summary>
    /// Gets or sets whether all bytes disappear, also of new connections: neither side learns that the other one is gone.
    /// </summary>
    public bool IsBlackHole { get; set; }

    public async Task CutAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (Socket socket in _sockets.Keys)
        {
            socket.Close(0);
        }
    }

    public void Lay()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        _accepting = AcceptAsync(_listener);
    }

    public async ValueTask DisposeAsync() => await CutAsync();

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                Socket client = await listener.AcceptSocketAsync();
                Socket server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                _sockets[client] = true;
                _sockets[server] = true;
                await server.ConnectAsync(_server);
                _ = PumpAsync(client, server);
                _ = PumpAsync(server, client);
            }
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[16384];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and int count)
            {
                if (!IsBlackHole)
                {
                    await to.SendAsync(buffer.AsMemory(0, count));
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            _sockets.TryRemove(from, out _);
            _sockets.TryRemove(to, out _);
            from.Close(0);
            to.Close(0);
        }
    }
}
