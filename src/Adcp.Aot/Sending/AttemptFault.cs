using System.Net.Sockets;
using System.Security.Authentication;
using Adcp.Aot.Network;

namespace Adcp.Aot.Sending;

/// <summary>Classifies the exceptions of an attempt, without a host, an address or a text of the receiver.</summary>
internal static class AttemptFault
{
    internal static bool IsTransport(Exception fault) =>
        fault is HttpRequestException or IOException or SocketException or TimeoutException or AuthenticationException
            or OperationCanceledException;

    /// <summary>Returns whether a fault is one of this machine or its network.</summary>
    internal static bool IsLocal(Exception fault)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException socket)
            {
                return LocalFault.Is(socket.SocketErrorCode);
            }
        }

        return false;
    }

    /// <summary>Returns whether no connection could be made.</summary>
    internal static bool IsConnectFailure(Exception? fault)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is ProxyException { IsLocal: true })
            {
                return false;
            }
        }

        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is AuthenticationException or DestinationRefusedException or ProxyException
                or HttpRequestException
                {
                    HttpRequestError: HttpRequestError.ConnectionError
                    or HttpRequestError.SecureConnectionError or HttpRequestError.NameResolutionError
                }
                or SocketException
                {
                    SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostUnreachable
                    or SocketError.HostNotFound
                })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Classifies a failed attempt.</summary>
    /// <param name="fault">The exception that ended it.</param>
    /// <param name="timedOut"><c>true</c> if the attempt timed out. A socket's fault is then caused by the
    /// timeout.</param>
    internal static (WebhookSendError Error, string Detail) Classify(Exception fault, bool timedOut)
    {
        bool lost = false;
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case DestinationRefusedException:
                    return (WebhookSendError.NoUsableAddress, DestinationRefusedException.Reason);
                case TimeoutException:
                    return (WebhookSendError.Timeout, "connect timeout");
                case ProxyException proxy when !timedOut:
                    return (proxy.IsLocal ? WebhookSendError.LocalNetwork : WebhookSendError.ConnectionFailed, proxy.Message);
                case CertificateRefusedException refused:
                    return (WebhookSendError.ConnectionFailed, refused.Message);
                case AuthenticationException:
                    return (WebhookSendError.ConnectionFailed, "TLS failed");
                case SocketException socket when !timedOut:
                    return Classify(socket.SocketErrorCode);
                case ConnectionLostException:
                    lost = true;
                    break;
            }
        }

        if (timedOut)
        {
            return (WebhookSendError.Timeout, "attempt timeout");
        }

        string detail = lost ? "connection closed before an answer" : Describe((fault as HttpRequestException)?.HttpRequestError);
        return (WebhookSendError.ConnectionFailed, detail);
    }

    private static (WebhookSendError Error, string Detail) Classify(SocketError error) => error switch
    {
        _ when LocalFault.Is(error) => (WebhookSendError.LocalNetwork, LocalFault.Describe(error)),
        SocketError.TimedOut => (WebhookSendError.Timeout, "connect timeout"),
        SocketError.ConnectionRefused => (WebhookSendError.ConnectionFailed, "connection refused"),
        SocketError.ConnectionReset => (WebhookSendError.ConnectionFailed, "connection reset"),
        SocketError.HostUnreachable or SocketError.HostDown => (WebhookSendError.ConnectionFailed, "unreachable"),
        _ => (WebhookSendError.ConnectionFailed, "connection failed"),
    };

    private static string Describe(HttpRequestError? error) => error switch
    {
        HttpRequestError.ResponseEnded => "connection closed before an answer",
        HttpRequestError.InvalidResponse => "not an HTTP answer",
        HttpRequestError.ConfigurationLimitExceeded => "answer's headers too large",
        HttpRequestError.HttpProtocolError => "HTTP protocol error",
        HttpRequestError.SecureConnectionError => "TLS failed",
        _ => "connection failed",
    };
}
