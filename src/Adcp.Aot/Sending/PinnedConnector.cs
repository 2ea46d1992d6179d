using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Sending;

/// <summary>
/// Opens connections only to checked addresses: the name is resolved here, every answer must pass the guard, and the socket connects to an address that passed. So a
/// second resolution cannot lead elsewhere. Addresses are tried in order until one accepts.
/// </summary>
internal sealed class PinnedConnector(
    DestinationGuard guard, TimeSpan connectTimeout, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolver)
{
    internal async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        DnsEndPoint endPoint = context.DnsEndPoint;
        using CancellationTokenSource timeout = new(connectTimeout, time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            IPAddress[] addresses = await DestinationGuard.ResolveAsync(endPoint.Host, resolver, linked.Token).ConfigureAwait(false);
            if (!guard.AllAllowed(addresses))
            {
                throw new DestinationRefusedException();
            }

            return await ConnectAsync(addresses, endPoint.Port, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException("connect timeout");
        }
    }

    private async Task<Stream> ConnectAsync(IPAddress[] addresses, int port, CancellationToken cancellationToken)
    {
        for (int i = 0; ; i++)
        {
            // One silent address may not use up the time of the others.
            using CancellationTokenSource share = new(connectTimeout / (addresses.Length - i), time);
            using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, share.Token);
            Socket socket = new(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(addresses[i], port), linked.Token).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception fault) when (i + 1 < addresses.Length && !cancellationToken.IsCancellationRequested
                && fault is SocketException or OperationCanceledException)
            {
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }
}
