using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>
/// A server over bare sockets that treats each connection as a test says. Connections are numbered from 1.
/// </summary>
internal sealed class RawReceiver : IAsyncDisposable
{
    private readonly Func<Connection, Task> _serve;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Task _accepting;

    public RawReceiver(Func<Connection, Task> serve, IPAddress? address = null)
    {
        _serve = serve;
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address ?? IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public string Url => $"http://127.0.0.1:{Port}/hook";

    public int Accepted { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stopped.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> connections = [];
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptAsync(_stopped.Token);
                connections.Add(ServeAsync(new Connection(socket, ++Accepted, _stopped.Token)));
            }
        }
        catch (Exception fault) when (_stopped.IsCancellationRequested
            && fault is (OperationCanceledException or SocketException or ObjectDisposedException))
        {
            // The token and the listener end the call at the same time; either may be the first.
        }

        await Task.WhenAll(connections);
    }

    private async Task ServeAsync(Connection connection)
    {
        using (connection)
        {
            try
            {
                await _serve(connection);
            }
            catch (Exception fault) when (fault is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
            }
        }
    }

    internal sealed class Connection(Socket socket, int number, CancellationToken stopped) : IDisposable
    {
        private byte[] _buffer = new byte[1 << 16];
        private int _length;

        public int Number => number;

        public CancellationToken Stopped => stopped;

        /// <summary>Reads a request's head, and nothing of its body that did not come with it.</summary>
        public async Task<string> ReadHeadAsync()
        {
            int end;
            while ((end = _buffer.AsSpan(0, _length).IndexOf("\r\n\r\n"u8)) < 0)
            {
                await ReadMoreAsync();
            }

            return Take(end + 4);
        }

        public async Task<string> ReadBodyAsync(string head)
        {
            string length = head.Split("\r\n").Single(static line => line.StartsWith("Content-Length: ", StringComparison.Ordinal))[16..];
            int count = int.Parse(length, CultureInfo.InvariantCulture);
            while (_length < count)
            {
                await ReadMoreAsync();
            }

            return Take(count);
        }

        public async Task<(string Head, string Body)> ReadAsync()
        {
            string head = await ReadHeadAsync();
            return (head, await ReadBodyAsync(head));
        }

        public async Task AnswerAsync(string status = "200 OK", string headers = "", string body = "") => await SendAsync(
            string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\n{headers}Content-Length: {body.Length}\r\n\r\n{body}"));

        public async Task SendAsync(string text)
        {
            byte[] bytes = Encoding.Latin1.GetBytes(text);
            await socket.SendAsync(bytes, stopped);
        }

        /// <summary>Reads exactly this number of bytes.</summary>
        public async Task<byte[]> ReadBytesAsync(int count)
        {
            while (_length < count)
            {
                await ReadMoreAsync();
            }

            return Encoding.Latin1.GetBytes(Take(count));
        }

        public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await socket.SendAsync(bytes, stopped);

        /// <summary>Ends with a reset.</summary>
        public void Reset()
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
        }

        public void Dispose() => socket.Dispose();

        private string Take(int count)
        {
            string taken = Encoding.Latin1.GetString(_buffer, 0, count);
            _buffer.AsSpan(count, _length - count).CopyTo(_buffer);
            _length -= count;
            return taken;
        }

        private async Task ReadMoreAsync()
        {
            if (_length == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            int read = await socket.ReceiveAsync(_buffer.AsMemory(_length), stopped);
            _length += read > 0 ? read : throw new IOException("closed");
        }
    }
}
