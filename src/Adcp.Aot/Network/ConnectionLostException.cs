namespace Adcp.Aot.Network;

/// <summary>A failure on an open connection, with the connection. Never leaves the sender.</summary>
internal sealed class ConnectionLostException(WatchedStream connection, Exception? cause) : IOException("The connection was lost.", cause)
{
    internal WatchedStream Connection => connection;
}
