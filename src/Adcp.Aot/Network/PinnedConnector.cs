using System.Net;
using System.Net.Sockets;

namespace Adcp.Aot.Network;

/// <summary>
/// Opens connections only to checked addresses. It resolves the name, every answer must pass the guard, and the socket
/// connects to an address that passed. So a second resolution cannot lead elsewhere. A proxy is asked to connect to such an address too,
/// unless it is configured to resolve names.
/// </summary>
/// <remarks>
/// Addresses race as in RFC 8305: the address that worked last comes first, the families take turns, and each next
/// address starts when an earlier one fails or after a pause. The pause is 250 ms, or less if the list is so long
/// that the last address would not have half of the connect time.
/// </remarks>
internal sealed class PinnedConnector(
    DestinationGuard guard, TimeSpan connectTimeout, TimeProvider time, HostMemory hosts, ProxyConnector? proxy = null)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    internal async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        DnsEndPoint endPoint = context.DnsEndPoint;
        string? tenant = (context.InitialRequestMessage as TenantRequest)?.Tenant;
        using CancellationTokenSource timeout = new(connectTimeout, time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            if (proxy is { ResolvesNames: true } && !IPAddress.TryParse(endPoint.Host, out _))
            {
                return await proxy.ConnectAsync(endPoint.Host, endPoint.Port, linked.Token).ConfigureAwait(false);
            }

            IPAddress[] addresses = await guard.ResolveAsync(endPoint.Host, tenant, linked.Token).ConfigureAwait(false);
            HostFacts host = hosts[endPoint.Host, endPoint.Port];
            IPAddress[] ordered = InOrder(addresses, host.Worked);
            (Stream connection, host.Worked) = await RaceAsync(ordered, endPoint.Port, linked.Token).ConfigureAwait(false);
            return connection;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException("connect timeout");
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <summary>
    /// Returns a copy in the order of attempts: the address that worked, then the resolver's order with the families
    /// taking turns.
    /// </summary>
    internal static IPAddress[] InOrder(IPAddress[] addresses, IPAddress? worked)
    {
        if (addresses.Length == 1)
        {
            return addresses;
        }

        List<IPAddress> ordered = new(addresses.Length);
        if (worked is not null && addresses.Contains(worked))
        {
            ordered.Add(worked);
        }

        AddressFamily first = (ordered.Count > 0 ? ordered[0] : addresses[0]).AddressFamily;
        Queue<IPAddress> same = new(addresses.Where(address => address.AddressFamily == first && !address.Equals(worked)));
        Queue<IPAddress> other = new(addresses.Where(address => address.AddressFamily != first && !address.Equals(worked)));
        bool turn = ordered.Count > 0;
        while (same.Count + other.Count > 0)
        {
            ordered.Add((turn && other.Count > 0) || same.Count == 0 ? other.Dequeue() : same.Dequeue());
            turn = !turn;
        }

        return [.. ordered];
    }

    private async Task<(Stream Connection, IPAddress Address)> ConnectAsync(
        IPAddress address, int port, CancellationToken cancellationToken)
    {
        if (proxy is not null)
        {
            return (await proxy.ConnectAsync(address.ToString(), port, cancellationToken).ConfigureAwait(false), address);
        }

        // Here and not before the race, so that an address family that this machine lacks costs only its own addresses.
        Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
            return (new NetworkStream(socket, ownsSocket: true), address);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Chooses the fault to report if several addresses failed: one of the endpoint before one of this machine.
    /// </summary>
    private static Exception Telling(Exception? before, Exception now) => before is null || IsLocal(before) ? now : before;

    private static bool IsLocal(Exception fault) => fault switch
    {
        SocketException socket => LocalFault.Is(socket.SocketErrorCode),
        ProxyException failed => failed.IsLocal,
        _ => false,
    };

    private async Task<(Stream Connection, IPAddress Address)> RaceAsync(
        IPAddress[] addresses, int port, CancellationToken cancellationToken)
    {
        if (addresses.Length == 1)
        {
            return await ConnectAsync(addresses[0], port, cancellationToken).ConfigureAwait(false);
        }

        TimeSpan pause = connectTimeout / (2 * addresses.Length);
        pause = pause < LongestPause ? pause : LongestPause;
        using CancellationTokenSource losers = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task<(Stream Connection, IPAddress Address)>> running = new(addresses.Length);
        try
        {
            Exception? fault = null;
            int next = 0;
            while (true)
            {
                if (next < addresses.Length)
                {
                    running.Add(ConnectAsync(addresses[next++], port, losers.Token));
                }

                Task[] awaited = next < addresses.Length ? [.. running, Task.Delay(pause, time, losers.Token)] : [.. running];
                Task ended = await Task.WhenAny(awaited).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (ended is Task<(Stream Connection, IPAddress Address)> connecting)
                {
                    running.Remove(connecting);
                    try
                    {
                        return await connecting.ConfigureAwait(false);
                    }
                    catch (Exception failed) when (failed is SocketException or ProxyException)
                    {
                        fault = Telling(fault, failed);
                    }

                    if (running.Count == 0 && next == addresses.Length)
                    {
                        throw fault;
                    }
                }
            }
        }
        finally
        {
            await losers.CancelAsync().ConfigureAwait(false);
            foreach (Task<(Stream Connection, IPAddress Address)> connecting in running)
            {
                await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (connecting.IsCompletedSuccessfully)
                {
                    await connecting.Result.Connection.DisposeAsync().ConfigureAwait(false);
                }
            }
        }
    }
}
