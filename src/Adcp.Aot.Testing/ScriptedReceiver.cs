using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.Testing;

/// <summary>
/// An HTTP/1.1 server on a loopback port that answers by a script, for senders with <see cref="WebhookSenderOptions.AllowHttp"/> and
/// <see cref="WebhookSenderOptions.AllowPrivateNetworks"/>. Thread-safe.
/// </summary>
/// <remarks>
/// Each request takes the next answer of <see cref="Then"/>. When there is none left, it takes <see cref="Otherwise"/>. Requests are
/// kept in <see cref="Requests"/>, at most <see cref="MaxRequests"/>.
/// </remarks>
public sealed class ScriptedReceiver : IAsyncDisposable
{
    /// <summary>The most requests that are kept. Later ones are answered and counted, and not kept.</summary>
    public const int MaxRequests = 100_000;

    private const int MaxHeadBytes = 64 << 10;
    private const int MaxBodyBytes = 16 << 20;

    private static readonly TimeSpan Drip = TimeSpan.FromMilliseconds(10);

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stopped = new();
    private readonly ConcurrentQueue<ReceiverAnswer> _script = new();
    private readonly ConcurrentQueue<ReceivedRequest> _requests = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Task _accepting;
    private int _count;

    /// <summary>Listens on a free port.</summary>
    public ScriptedReceiver()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    /// <summary>Gets the origin, such as <c>http://127.0.0.1:40001</c>.</summary>
    public string Origin => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndPoint!).Port}");

    /// <summary>Gets or sets the answer when the script has ended. Default <see cref="ReceiverAnswer.Ok"/>.</summary>
    public ReceiverAnswer Otherwise { get; set; } = ReceiverAnswer.Ok;

    /// <summary>Gets the number of requests so far.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Gets the requests so far, in order of arrival.</summary>
    public IReadOnlyList<ReceivedRequest> Requests => [.. _requests];

    /// <summary>Adds answers to the script.</summary>
    /// <param name="answers">One for each of the next requests.</param>
    /// <exception cref="ArgumentNullException"><paramref name="answers"/> is null.</exception>
    public ScriptedReceiver Then(params ReceiverAnswer[] answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        Array.ForEach(answers, _script.Enqueue);
        return this;
    }

    /// <summary>Returns a destination at this receiver.</summary>
    /// <param name="operationId">The operation of the registration.</param>
    /// <param name="path">The path; each is an endpoint of its own.</param>
    public WebhookDestination Destination(string? operationId = "op_1", string path = "/hook") => new(Origin + path, operationId);

    /// <summary>Waits until this number of further requests has arrived.</summary>
    /// <param name="count">How many.</param>
    /// <param name="timeout">The longest wait. Default 30 seconds.</param>
    /// <exception cref="TimeoutException">Fewer arrived.</exception>
    public async Task WhenReceived(int count, TimeSpan? timeout = null)
    {
        using CancellationTokenSource over = new(timeout ?? TimeSpan.FromSeconds(30), TimeProvider.System);
        for (int i = 0; i < count; i++)
        {
            try
            {
                await _arrived.WaitAsync(over.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException(string.Create(
                    CultureInfo.InvariantCulture, $"{i} of {count} awaited requests arrived, {Count} in all."));
            }
        }
    }

    /// <summary>Closes all connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        _stopped.Dispose();
        _arrived.Dispose();
    }

    private async Task AcceptAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        List<Task> connections = [];
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptAsync(_stopped.Token).ConfigureAwait(false);
                connections.RemoveAll(static connection => connection.IsCompleted);
                connections.Add(ServeAsync(socket));
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The token and the listener end the call at the same time; either may be the first.
        }

        await Task.WhenAll(connections).ConfigureAwait(false);
    }

    private async Task ServeAsync(Socket socket)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using (socket)
        {
            byte[] buffer = new byte[MaxHeadBytes];
            int length = 0;
            try
            {
                while (true)
                {
                    int end;
                    while ((end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0)
                    {
                        length += await ReadAsync(socket, buffer.AsMemory(length)).ConfigureAwait(false);
                    }

                    (string target, Dictionary<string, string> headers) = Parse(Encoding.Latin1.GetString(buffer, 0, end));
                    buffer.AsSpan(end + 4, length - end - 4).CopyTo(buffer);
                    length -= end + 4;
                    ReceiverAnswer answer = _script.TryDequeue(out ReceiverAnswer? next) ? next : Otherwise;
                    if (answer.Behavior == ReceiverBehavior.Early)
                    {
                        Keep(new ReceivedRequest(target, headers, default));
                        await SendAsync(socket, answer, close: true).ConfigureAwait(false);
                        return;
                    }

                    int size = Math.Min(
                        int.Parse(headers.GetValueOrDefault("Content-Length", "0"), CultureInfo.InvariantCulture), MaxBodyBytes);
                    if (headers.ContainsKey("Expect"))
                    {
                        await socket.SendAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), _stopped.Token).ConfigureAwait(false);
                    }

                    byte[] body = new byte[size];
                    int had = Math.Min(size, length);
                    buffer.AsSpan(0, had).CopyTo(body);
                    buffer.AsSpan(had, length - had).CopyTo(buffer);
                    length -= had;
                    while (had < size)
                    {
                        had += await ReadAsync(socket, body.AsMemory(had)).ConfigureAwait(false);
                    }

                    Keep(new ReceivedRequest(target, headers, body));
                    if (answer.Behavior == ReceiverBehavior.Hang)
                    {
                        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stopped.Token).ConfigureAwait(false);
                    }

                    if (answer.Behavior == ReceiverBehavior.Reset)
                    {
                        socket.LingerState = new LingerOption(true, 0);
                        return;
                    }

                    await answer.Gate.WaitAsync(_stopped.Token)
                        .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    await SendAsync(socket, answer, close: false).ConfigureAwait(false);
                }
            }
            catch (Exception fault) when (fault is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
            }
        }
    }

    private void Keep(ReceivedRequest request)
    {
        if (Interlocked.Increment(ref _count) <= MaxRequests)
        {
            _requests.Enqueue(request);
        }

        _arrived.Release();
    }

    private static (string Target, Dictionary<string, string> Headers) Parse(string head)
    {
        string[] lines = head.Split("\r\n");
        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
        foreach (string line in lines.Skip(1))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                headers[line[..colon]] = line[(colon + 1)..].Trim();
            }
        }

        return (lines[0].Split(' ') is [_, var target, ..] ? target : "", headers);
    }

    private async ValueTask<int> ReadAsync(Socket socket, Memory<byte> buffer)
    {
        int read = buffer.IsEmpty ? 0 : await socket.ReceiveAsync(buffer, _stopped.Token).ConfigureAwait(false);
        return read > 0 ? read : throw new IOException("The connection was closed, or the head is too long.");
    }

    private async Task SendAsync(Socket socket, ReceiverAnswer answer, bool close)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {answer.Status} Scripted\r\nContent-Length: 0\r\n");
        foreach (string header in answer.Headers)
        {
            text.Append(header).Append("\r\n");
        }

        text.Append(close ? "Connection: close\r\n\r\n" : "\r\n");
        byte[] bytes = Encoding.Latin1.GetBytes(text.ToString());
        if (answer.Behavior != ReceiverBehavior.Drip)
        {
            await socket.SendAsync(bytes, _stopped.Token).ConfigureAwait(false);
            return;
        }

        for (int i = 0; i < bytes.Length; i++)
        {
            await socket.SendAsync(bytes.AsMemory(i, 1), _stopped.Token).ConfigureAwait(false);
            await Task.Delay(Drip, TimeProvider.System, _stopped.Token).ConfigureAwait(false);
        }
    }
}
