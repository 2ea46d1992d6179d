namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The kinds of <see cref="CallResult"/>.</summary>
internal enum CallResultKind
{
    /// <summary>This call performed the request.</summary>
    Performed = 0,

    /// <summary>An earlier call performed the request.</summary>
    Known = 1,

    /// <summary>The call failed and committed nothing.</summary>
    Failed = 2,

    /// <summary>Another process performs the request.</summary>
    Busy = 3,

    /// <summary>The outcome is not known.</summary>
    Unresolved = 4,
}
