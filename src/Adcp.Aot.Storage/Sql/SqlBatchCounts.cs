namespace Adcp.Aot.Storage;

/// <summary>
/// Counts the rows of a <see cref="SqlBatchWriter{TRow}"/> by result. The four numbers add up to the rows of all calls
/// that have ended.
/// </summary>
/// <param name="Recorded">Rows in the table.</param>
/// <param name="Rejected">Rows that the table refused, each alone: a constraint was violated, a value did not fit, or a
/// member threw.</param>
/// <param name="Failed">Rows that are not in the table because the database was away or the table unusable.</param>
/// <param name="InDoubt">
/// Rows whose connection broke while they were being committed. If the table keeps enough to identify a row, the next
/// call that reaches the database asks for them and moves them to Recorded or Failed. Otherwise they stay here and are
/// not written again.
/// </param>
public readonly record struct SqlBatchCounts(long Recorded, long Rejected, long Failed, long InDoubt);
