using System.Net.Sockets;

namespace Adcp.Aot.Network;

/// <summary>Distinguishes faults of this machine and its network from faults of the endpoint.</summary>
internal static class LocalFault
{
    /// <summary>
    /// Returns whether a socket error is about this machine or its network only: no descriptor, port or buffer, no
    /// route, no resolver, a local firewall. An unreachable <i>host</i> is the endpoint's fault, because the network
    /// reached its router.
    /// </summary>
    internal static bool Is(SocketError error) => error
        is SocketError.TooManyOpenSockets
        or SocketError.NoBufferSpaceAvailable
        or SocketError.AddressAlreadyInUse
        or SocketError.AddressNotAvailable
        or SocketError.AccessDenied
        or SocketError.NetworkUnreachable
        or SocketError.NetworkDown
        or SocketError.SystemNotReady
        or SocketError.ProcessLimit
        or SocketError.AddressFamilyNotSupported
        or SocketError.ProtocolNotSupported
        or SocketError.ProtocolFamilyNotSupported
        or SocketError.SocketNotSupported
        or SocketError.TryAgain
        or SocketError.NoRecovery;

    /// <summary>Returns a short classification without addresses.</summary>
    internal static string Describe(SocketError error) => error switch
    {
        SocketError.TooManyOpenSockets or SocketError.ProcessLimit => "no file descriptor left",
        SocketError.NoBufferSpaceAvailable => "no network buffer left",
        SocketError.AddressAlreadyInUse or SocketError.AddressNotAvailable => "no local port left",
        SocketError.AccessDenied => "blocked by this machine",
        SocketError.NetworkUnreachable or SocketError.NetworkDown => "network unreachable",
        SocketError.TryAgain or SocketError.NoRecovery => "no name resolution",
        _ => "network not available",
    };
}
