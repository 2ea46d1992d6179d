namespace Adcp.Aot.Network;

/// <summary>
/// A host name that gives no address to connect to: it does not exist, its answer is empty or too long, or the guard
/// refuses an address in it. All of these look the same to the buyer, so that the buyer cannot learn which names
/// exist in our network. Never leaves the sender.
/// </summary>
/// <param name="why">The reason for the operator's log. It may name an address.</param>
internal sealed class DestinationRefusedException(string why) : IOException(Reason)
{
    internal const string Reason = "the destination cannot be reached from here";

    internal string Why => why;
}
