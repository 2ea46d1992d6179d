namespace Adcp.Aot.Storage;

/// <summary>The cause of a failed statement. The next step depends on nothing else.</summary>
internal enum SqlFault
{
    /// <summary>
    /// The database refused the statement because of its rows: a value breaks a rule, or the statement is too large.
    /// Every refusal that is not known to be about the table or the server also counts as this. No row is committed.
    /// Half of the rows may pass; a row that is refused alone is rejected.
    /// </summary>
    Row,

    /// <summary>
    /// The database stopped the statement because it took too long or needed too many locks. No row is committed. Half
    /// of the rows may pass; a row alone waits.
    /// </summary>
    Slow,

    /// <summary>
    /// The server or the connection cannot serve now: busy, full, read-only, shutting down. No row is committed.
    /// Waiting on another connection may help.
    /// </summary>
    Unavailable,

    /// <summary>The connection was lost while the statement ran. It may be committed.</summary>
    InDoubt,

    /// <summary>
    /// The driver failed in a way that is not in the tables. The statement may be committed, and a row may be the
    /// cause.
    /// </summary>
    Unknown,

    /// <summary>The statement can never succeed: no such table, no permission, a damaged database.</summary>
    Permanent,
}
