namespace Adcp.Aot;

/// <summary>The version of AdCP that a seller speaks. The caller must state it; zero is not a version.</summary>
public enum AdcpVersion
{
    /// <summary>AdCP 3.0: <c>operation_id</c> is optional in the envelope and <c>token</c> is not a member of it.</summary>
    V30 = 30,

    /// <summary>AdCP 3.1: <c>operation_id</c> is required, <c>token</c> is echoed.</summary>
    V31 = 31,

    /// <summary>AdCP 3.2: as 3.1, with a durable retry horizon.</summary>
    V32 = 32,
}
