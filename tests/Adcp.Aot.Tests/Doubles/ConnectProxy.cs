using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>
/// An HTTP proxy that keeps the heads of the requests it gets, and connects each CONNECT to one port of this machine, whatever host it
/// names.
/// </summary>
internal sealed class ConnectProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly int _destination;
    private readonly Task _serving;

    public ConnectProxy(int destination)
    {
        _destination = destination;
        _listener.Start();
        _serving = ServeAsync();
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Gets the heads of all requests.</summary>
    public ConcurrentQueue<string> Heads { get; } = new();

    /// <summary>Gets the bytes that clients sent through the tunnels.</summary>
    public ConcurrentQueue<byte[]> Tunnelled { get; } = new();

    /// <summary>Gets or sets the answer to a CONNECT of a head; null closes the connection.</summary>
    public Func<string, string?> Answer { get; set; } = static _ => "HTTP/1.1 200 Connection established\r\n\r\n";

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _serving;
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        List<Task> clients = [];
        try
        {
            while (true)
            {
                clients.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token)));
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or InvalidOperationException)
        {
        }

        await Task.WhenAll(clients);
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                NetworkStream stream = client.GetStream();
                StringBuilder head = new();
                byte[] one = new byte[1];
                while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, _end.Token) == 1)
                {
                    head.Append((char)one[0]);
                }

                Heads.Enqueue(head.ToString());
                if (Answer(head.ToString()) is not { } answer)
                {
                    return;
                }

                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), _end.Token);
                if (!answer.StartsWith("HTTP/1.1 2", StringComparison.Ordinal))
                {
                    return;
                }

                using TcpClient destination = new();
                await destination.ConnectAsync(IPAddress.Loopback, _destination, _end.Token);
                await Task.WhenAny(CopyAsync(stream, destination.GetStream(), true), CopyAsync(destination.GetStream(), stream, false));
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
        {
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, bool isKept)
    {
        try
        {
            byte[] buffer = new byte[8192];
            int read;
            while ((read = await from.ReadAsync(buffer, _end.Token)) > 0)
            {
                if (isKept)
                {
                    Tunnelled.Enqueue(buffer[..read]);
                }

                await to.WriteAsync(buffer.AsMemory(0, read), _end.Token);
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
        {
        }
    }
}
