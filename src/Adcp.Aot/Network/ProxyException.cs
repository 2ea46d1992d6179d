using System.Globalization;

namespace Adcp.Aot.Network;

/// <summary>A proxy did not open a connection. The message has no host and no address.</summary>
internal sealed class ProxyException : IOException
{
    private ProxyException(string message, bool isLocal, Exception? inner = null)
        : base(message, inner) => IsLocal = isLocal;

    /// <summary>
    /// Gets whether the fault is the proxy's or its configuration's, so that no endpoint is charged. Otherwise the proxy could not
    /// reach the destination.
    /// </summary>
    internal bool IsLocal { get; }

    internal static ProxyException Unreachable(Exception? inner) => new("the proxy cannot be reached", isLocal: true, inner);

    internal static ProxyException Lost(Exception? inner) => new("the proxy closed the connection", isLocal: true, inner);

    /// <param name="status">The status of the proxy's answer; 0 if it was no HTTP answer.</param>
    internal static ProxyException OfStatus(int status) => status switch
    {
        502 or 503 or 504 => new(
            string.Create(CultureInfo.InvariantCulture, $"the proxy cannot reach the destination: HTTP {status}"), isLocal: false),
        0 => new("the proxy gave no HTTP answer", isLocal: true),
        _ => new(string.Create(CultureInfo.InvariantCulture, $"the proxy refused: HTTP {status}"), isLocal: true),
    };
}
