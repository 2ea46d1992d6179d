namespace Adcp.Aot.Storage;

/// <summary>
/// The units in doubt that ended calls left. Bounded: rows beyond the bound stay counted as in doubt and are not asked
/// for. Thread-safe.
/// </summary>
internal sealed class SqlDoubts
{
    private const int MaxDoubts = 1024;

    private readonly Lock _lock = new();
    private readonly List<SqlDoubt> _doubts = [];

    internal SqlDoubt? Take()
    {
        lock (_lock)
        {
            if (_doubts is not [.., SqlDoubt last])
            {
                return null;
            }

            _doubts.RemoveAt(_doubts.Count - 1);
            return last;
        }
    }

    internal void Remember(SqlDoubt doubt)
    {
        lock (_lock)
        {
            if (_doubts.Count < MaxDoubts)
            {
                _doubts.Add(doubt);
            }
        }
    }
}

/// <summary>A unit that may be committed.</summary>
/// <param name="Identity">The identity of its first row.</param>
/// <param name="Count">The number of rows.</param>
internal sealed record SqlDoubt(object?[] Identity, int Count);
