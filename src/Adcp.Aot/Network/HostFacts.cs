using System.Net;

namespace Adcp.Aot.Network;

/// <summary>The facts that earlier connections showed about one host.</summary>
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

    /// <summary>Gets or sets whether the host once did not answer <c>Expect: 100-continue</c>.</summary>
    internal bool IgnoresExpect
    {
        get => _ignoresExpect;
        set => _ignoresExpect = value;
    }
}
