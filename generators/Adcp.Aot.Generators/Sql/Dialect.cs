namespace Adcp.Aot.Generators.Sql;

/// <summary>Mirrors <c>Adcp.Aot.Storage.SqlDialect</c>, number for number.</summary>
internal enum Dialect
{
    Any = 0,
    Sqlite = 1,
    PostgreSql = 2,
    MySql = 3,
}
