namespace Adcp.Aot.Platform;

/// <summary>AdCP's <c>recovery</c> of an error.</summary>
public enum ErrorRecovery
{
    /// <summary><c>transient</c>: the same call may succeed later.</summary>
    Transient = 0,

    /// <summary><c>correctable</c>: another call may succeed.</summary>
    Correctable = 1,

    /// <summary><c>terminal</c>: no call will.</summary>
    Terminal = 2,
}
