namespace Adcp.Aot.Storage;

/// <summary>
/// The result of every row that a <see cref="SqlBatchWriter{TRow}"/> was given. The four add up to the rows of all
/// calls that have ended.
/// </summary>
/// <param name="Recorded">Rows in the table.</param>
/// <param name="Rejected">Rows that the table refused, each alone: a violated constraint, a value that does not fit, a
/// member that threw.</param>
/// <param name="Failed">Rows that are not in the table because the database was away or the table unusable.</param>
/// <param name="InDoubt">
/// Rows whose connection broke while they were being committed. The next call that reaches the database asks it and
/// moves them to Recorded or Failed, where the table keeps what identifies a row; otherwise they stay here, and are not
/// written again.
/// </param>
public readonly record struct SqlBatchCounts(long Recorded, long Rejected, long Failed, long InDoubt);
