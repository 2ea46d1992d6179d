namespace Adcp.Aot.Network;

/// <summary>Says of a failure on an open connection which connection it was. Never leaves the sender.</summary>
internal sealed class ConnectionLostException(WatchedStream connection, Exception? cause) : IOException("The connection was lost.", cause)
{
    internal WatchedStream Connection => connection;
}
