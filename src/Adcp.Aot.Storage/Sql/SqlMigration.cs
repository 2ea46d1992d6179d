namespace Adcp.Aot.Storage;

/// <summary>The statements that lead from one version of a schema to the next.</summary>
/// <param name="Statements">The statements, each run by itself, in order. They must tolerate being run again: MySQL
/// commits each DDL statement at once.</param>
public sealed record SqlMigration(params IReadOnlyList<string> Statements)
{
    /// <summary>
    /// Gets whether programs that work on the version before still work after the migration. Such a program may also start. If several
    /// migrations in a row at the end of a schema are backward compatible, programs of all versions from the one before them may start.
    /// Default <see langword="false"/>: programs of earlier versions are refused.
    /// </summary>
    public bool IsBackwardCompatible { get; init; }
}
