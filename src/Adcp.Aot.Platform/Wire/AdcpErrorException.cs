namespace Adcp.Aot.Platform;

/// <summary>Thrown by a tool to answer with an AdCP error.</summary>
public sealed class AdcpErrorException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">The error.</param>
    /// <exception cref="ArgumentNullException"><paramref name="error"/> is null.</exception>
    public AdcpErrorException(AdcpError error)
        : base((error ?? throw new ArgumentNullException(nameof(error))).Message)
    {
        Error = error;
        IsBeforeCommit = error.Recovery != ErrorRecovery.Transient || error.Code == "RATE_LIMITED";
    }

    /// <summary>The error.</summary>
    public AdcpError Error { get; }

    /// <summary>
    /// Gets whether the tool states that nothing was committed, here or in another system, so that the request may be performed again with
    /// its <c>idempotency_key</c>. Default: <c>true</c> for correctable and terminal errors and for <c>RATE_LIMITED</c>; <c>false</c> for
    /// other transient errors, because another system that does not answer may have committed.
    /// </summary>
    public bool IsBeforeCommit { get; init; }
}
