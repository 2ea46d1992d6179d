using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.Network;

/// <summary>Opens connections through an HTTP proxy by <c>CONNECT</c> (RFC 9110, section 9.3.6). Thread-safe.</summary>
/// <param name="url">The proxy. Its address is configured by the operator, so the guard does not judge it.</param>
/// <param name="credentials">The user and password; <see langword="null"/> for none.</param>
/// <param name="resolvesNames">Whether the proxy is given names in place of checked addresses.</param>
internal sealed class ProxyConnector(Uri url, NetworkCredential? credentials, bool resolvesNames)
{
    /// <summary>The longest answer of a proxy to CONNECT, in bytes.</summary>
    internal const int MaxAnswerBytes = 16_384;

    private readonly string? _authorization = credentials is null
        ? null
        : Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credentials.UserName}:{credentials.Password}"));

    internal bool ResolvesNames => resolvesNames;

    /// <summary>Opens a connection to an address, or to a name that the proxy resolves.</summary>
    /// <exception cref="ProxyException">The proxy cannot be reached, or does not open the connection.</exception>
    internal async Task<Stream> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        Socket socket = await ReachAsync(cancellationToken).ConfigureAwait(false);
        NetworkStream stream = new(socket, ownsSocket: true);
        try
        {
            await stream.WriteAsync(Request(host, port), cancellationToken).ConfigureAwait(false);
            int status = ReadStatus(await ReadAnswerAsync(stream, cancellationToken).ConfigureAwait(false));
            return status is >= 200 and < 300 ? stream : throw ProxyException.OfStatus(status);
        }
        catch (IOException fault) when (fault is not ProxyException)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw ProxyException.Lost(fault);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<Socket> ReachAsync(CancellationToken cancellationToken)
    {
        Exception? last = null;
        try
        {
            string host = url.IdnHost.Trim('[', ']');
            IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? literal)
                ? [literal]
                : await NameResolver.System.ResolveAsync(host, null, cancellationToken).ConfigureAwait(false);
            foreach (IPAddress address in addresses)
            {
                Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(new IPEndPoint(address, url.Port), cancellationToken).ConfigureAwait(false);
                    return socket;
                }
                catch (SocketException fault)
                {
                    socket.Dispose();
                    last = fault;
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            }
        }
        catch (Exception fault) when (fault is SocketException or DestinationRefusedException)
        {
            last = fault;
        }

        throw ProxyException.Unreachable(last);
    }

    private byte[] Request(string host, int port)
    {
        string authority = string.Create(
            CultureInfo.InvariantCulture, $"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}");
        string authorization = _authorization is null ? "" : $"Proxy-Authorization: Basic {_authorization}\r\n";
        return Encoding.ASCII.GetBytes(
            $"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Adcp.Aot\r\n{authorization}\r\n");
    }

    /// <summary>
    /// Reads up to the empty line and no further: the next byte may be the destination's already. Connections are kept, so the many
    /// small reads are rare.
    /// </summary>
    private static async Task<string> ReadAnswerAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] answer = new byte[MaxAnswerBytes];
        for (int length = 0; length < answer.Length; length++)
        {
            if (await stream.ReadAsync(answer.AsMemory(length, 1), cancellationToken).ConfigureAwait(false) == 0)
            {
                throw ProxyException.Lost(null);
            }

            if (answer[length] == '\n' && answer.AsSpan(0, length).EndsWith("\r\n\r"u8))
            {
                return Encoding.Latin1.GetString(answer, 0, length);
            }
        }

        throw ProxyException.OfStatus(0);
    }

    /// <summary>Returns the status of an answer; 0 if it is not one of HTTP/1.</summary>
    private static int ReadStatus(string answer) =>
        answer.StartsWith("HTTP/1.", StringComparison.Ordinal) && answer.Length >= 12
            && int.TryParse(answer.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int status)
            ? status
            : 0;
}
