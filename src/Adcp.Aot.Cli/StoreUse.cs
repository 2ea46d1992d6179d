namespace Adcp.Aot.Cli;

/// <summary>The way in which an operator command uses the outbox's database.</summary>
internal enum StoreUse
{
    /// <summary>The command needs the page of a running process.</summary>
    None,

    /// <summary>The command reads the database if no page is given.</summary>
    Reads,

    /// <summary>The command changes the database if no page is given.</summary>
    Writes,
}
