using System.Net;

namespace Adcp.Aot.Network;

/// <summary>The things that earlier connections taught about one host.</summary>
internal sealed class HostFacts
{
    private volatile IPAddress? _worked;
    private volatile bool _ignoresExpect;

    /// <summary>The address that last accepted a connection; <c>null</c> if unknown.</summary>
    internal IPAddress? Worked
    {
        get => _worked;
        set => _worked = value;
    }

    /// <summary>True if the host once let a body wait for its <c>100 Continue</c> in vain.</summary>
    internal bool IgnoresExpect
    {
        get => _ignoresExpect;
        set => _ignoresExpect = value;
    }
}
