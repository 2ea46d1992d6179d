namespace Adcp.Aot.Network;

/// <summary>The steps on the way to an answer, in order.</summary>
public enum DestinationStep
{
    /// <summary>No step.</summary>
    None,

    /// <summary>The text of the url.</summary>
    Url,

    /// <summary>The rules of the <see cref="DestinationGuard"/>.</summary>
    Guard,

    /// <summary>The resolution of the host's name.</summary>
    Name,

    /// <summary>The TCP connection.</summary>
    Connection,

    /// <summary>TLS: the certificate or the version.</summary>
    Tls,

    /// <summary>The HTTP answer.</summary>
    Answer,
}
