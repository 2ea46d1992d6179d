namespace Adcp.Aot.Platform;

/// <summary>Thrown by a tool to answer with an AdCP error.</summary>
public sealed class AdcpErrorException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">The error.</param>
    /// <exception cref="ArgumentNullException"><paramref name="error"/> is null.</exception>
    public AdcpErrorException(AdcpError error)
        : base((error ?? throw new ArgumentNullException(nameof(error))).Message) => Error = error;

    /// <summary>The error.</summary>
    public AdcpError Error { get; }
}
