namespace Adcp.Aot.Storage;

/// <summary>The statements that lead from one version of a schema to the next.</summary>
/// <param name="Statements">The statements, each run by itself, in order. They must tolerate being run again: MySQL
/// commits each DDL statement at once.</param>
public sealed record SqlMigration(params IReadOnlyList<string> Statements)
{
    /// <summary>
    /// Gets whether programs that know only the version before still work after the migration, so that one of them may also start.
    /// Default <see langword="false"/>: it is refused.
    /// </summary>
    public bool IsBackwardCompatible { get; init; }
}
