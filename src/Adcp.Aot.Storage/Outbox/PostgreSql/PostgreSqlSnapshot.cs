using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>A snapshot of PostgreSQL: the transactions that a statement sees. Immutable.</summary>
/// <remarks>
/// Its text is <c>xmin:xmax:xip</c>. A transaction is seen if it is below xmax and not in xip, the list of those that ran. Prepared
/// transactions are in xip until they end.
/// </remarks>
internal sealed class PostgreSqlSnapshot
{
    internal PostgreSqlSnapshot(string text)
    {
        Text = text;
        string[] parts = text.Split(':');
        End = ulong.Parse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture);
        Running = parts[2].Length == 0 ? null : $"{{{parts[2]}}}";
    }

    internal string Text { get; }

    /// <summary>Gets xmax, the first transaction that had not begun.</summary>
    internal ulong End { get; }

    /// <summary>Gets the transactions that ran as an array of PostgreSQL; <see langword="null"/> if none did.</summary>
    internal string? Running { get; }
}
