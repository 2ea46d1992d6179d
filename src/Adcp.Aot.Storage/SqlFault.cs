namespace Adcp.Aot.Storage;

/// <summary>Whose fault a failed statement is: what to do next depends on nothing else.</summary>
internal enum SqlFault
{
    /// <summary>A row's: its values break a rule of the table, or could not be computed or encoded.</summary>
    Row,

    /// <summary>The database is away or busy, and rolled the statement back or never had it.</summary>
    Unavailable,

    /// <summary>The connection broke while the statement ran: it may or may not be committed.</summary>
    InDoubt,

    /// <summary>The statement can never work: no such table, no permission, a read-only database.</summary>
    Permanent,
}
