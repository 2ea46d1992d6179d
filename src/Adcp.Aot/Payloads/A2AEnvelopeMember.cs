namespace Adcp.Aot.Payloads;

/// <summary>The members of A2A 1.0's <c>StreamResponse</c>. A body has exactly one of them.</summary>
public enum A2AEnvelopeMember
{
    /// <summary><c>task</c></summary>
    Task = 0,

    /// <summary><c>statusUpdate</c></summary>
    StatusUpdate = 1,

    /// <summary><c>artifactUpdate</c></summary>
    ArtifactUpdate = 2,

    /// <summary><c>message</c></summary>
    Message = 3,
}
