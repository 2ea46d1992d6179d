namespace Adcp.Aot.TestResources;

/// <summary>The resources that some tests need and a plain clone does not have.</summary>
internal enum Resource
{
    /// <summary>AdCP's test vectors and JSON schemas.</summary>
    AdcpData,

    /// <summary>A PostgreSQL server.</summary>
    PostgreSql,

    /// <summary>PgBouncer in transaction mode before the PostgreSQL server.</summary>
    PgBouncer,

    /// <summary>A MySQL or MariaDB server.</summary>
    MySql,

    /// <summary>The npm packages of <c>tests/interop</c>.</summary>
    NpmPeers,

    /// <summary>A Chromium browser.</summary>
    Chromium,
}
