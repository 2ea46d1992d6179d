namespace Adcp.Aot.Auditing;

/// <summary>Rare facts about an attempt or a refusal.</summary>
[Flags]
internal enum AttemptFlags : byte
{
    /// <summary>None of them.</summary>
    None = 0,

    /// <summary>The circuit that refused is isolated.</summary>
    Isolated = 1,

    /// <summary>The attempt was sent once more because a kept connection was closed.</summary>
    ConnectionReplaced = 2,
}
