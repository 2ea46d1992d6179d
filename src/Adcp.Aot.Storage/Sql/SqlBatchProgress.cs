namespace Adcp.Aot.Storage;

/// <summary>
/// The state of one call of <see cref="SqlBatchWriter{TRow}"/>: the units still to write, and those whose commit is
/// in doubt.
/// </summary>
internal sealed class SqlBatchProgress<TRow>
    where TRow : class
{
    /// <summary>A stack: the last unit is written next.</summary>
    private readonly List<SqlBatchUnit> _units = [];

    internal SqlBatchProgress(ReadOnlyMemory<TRow> rows)
    {
        Rows = rows;
        _units.Add(new SqlBatchUnit(0, rows.Length));
    }

    internal ReadOnlyMemory<TRow> Rows { get; }

    internal IReadOnlyList<SqlBatchUnit> Units => _units;

    /// <summary>Units that may be committed, each with the fault that left it in doubt.</summary>
    internal List<(SqlBatchUnit Unit, Exception Fault, bool ByRow)> Doubts { get; } = [];

    internal List<(TRow Row, Exception Reason)> Rejected { get; } = [];

    /// <summary>
    /// Gets or sets whether a unit has failed in this call. From then on rows are written by single statements, which
    /// find the row at fault and whose failures leave the connection usable.
    /// </summary>
    internal bool Isolating { get; set; }

    /// <summary>
    /// Gets or sets whether the last fault was answered by smaller units. Then the next unit needs no waiting, only
    /// another connection.
    /// </summary>
    internal bool IsDealtWith { get; set; }

    internal bool TryPeek(out SqlBatchUnit unit)
    {
        unit = _units is [.., SqlBatchUnit last] ? last : default;
        return _units.Count > 0;
    }

    internal SqlBatchUnit Pop()
    {
        SqlBatchUnit last = _units[^1];
        _units.RemoveAt(_units.Count - 1);
        return last;
    }

    /// <summary>
    /// Puts a unit back: as the next one, in halves if it has failed more than once, or behind all others if it is a
    /// single row that has failed.
    /// </summary>
    internal void PutBack(SqlBatchUnit unit)
    {
        if (unit.Count == 1 && unit.Failures > 0)
        {
            _units.Insert(0, unit);
            return;
        }

        _units.Add(unit);
        if (unit.Failures > 1)
        {
            Isolating = true;
            Split(unit.Count / 2, failures: 1);
        }
    }

    /// <summary>Splits the next unit in two.</summary>
    internal void Split(int count, int failures = 0)
    {
        SqlBatchUnit unit = Pop();
        _units.Add(new SqlBatchUnit(unit.Start + count, unit.Count - count, failures));
        _units.Add(new SqlBatchUnit(unit.Start, count, failures));
    }
}
