namespace Adcp.Aot.Sending;

/// <summary>Carries a guard's refusal out of the connect callback; never leaves the sender.</summary>
internal sealed class DestinationRefusedException : IOException
{
    internal const string Reason = "the destination cannot be reached from here";

    internal DestinationRefusedException()
        : base(Reason)
    {
    }
}
