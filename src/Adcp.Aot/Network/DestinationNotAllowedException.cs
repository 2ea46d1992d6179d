namespace Adcp.Aot.Network;

/// <summary>
/// The <see cref="DestinationGuard"/> of a <see cref="GuardedHttpHandler"/> refuses a destination. The message has no address.
/// </summary>
public sealed class DestinationNotAllowedException : HttpRequestException
{
    internal DestinationNotAllowedException(string reason, Exception? inner)
        : base($"The destination is not allowed: {reason}.", inner)
    {
    }
}
