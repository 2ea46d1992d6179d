namespace Adcp.Aot.Cli;

/// <summary>The way in which an operator command uses the outbox's database.</summary>
internal enum StoreUse
{
    /// <summary>The command reads a table of attempts if no page is given, and no table of an outbox.</summary>
    ReadsAttempts,

    /// <summary>The command reads the database if no page is given.</summary>
    Reads,

    /// <summary>The command changes the database if no page is given.</summary>
    Writes,
}
