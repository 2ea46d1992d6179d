namespace Adcp.Aot.Cli;

/// <summary>The use of an outbox's database by a command of operators.</summary>
internal enum StoreUse
{
    /// <summary>The command needs the page of a running process.</summary>
    None,

    /// <summary>The command reads the database if no page is given.</summary>
    Reads,

    /// <summary>The command changes the database if no page is given.</summary>
    Writes,
}
