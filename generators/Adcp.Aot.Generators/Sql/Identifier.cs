using System.Text;

namespace Adcp.Aot.Generators.Sql;

/// <summary>
/// Checks names for SQL: a letter or underscore, then letters, digits and underscores, ASCII, 63 at most (PostgreSQL's
/// bound).
/// </summary>
internal static class Identifier
{
    private const int MaxLength = 63;

    public const string Rule = "a letter or underscore, then letters, digits and underscores (ASCII), at most 63";

    public static bool IsColumn(string? name) => name is { Length: > 0 and <= MaxLength } && !IsDigit(name[0]) && name.All(IsPart);

    /// <summary>Returns whether a name is a table, with or without its schema.</summary>
    public static bool IsTable(string? name) => name is not null && name.Split('.') is { Length: <= 2 } parts && parts.All(IsColumn);

    /// <summary>Returns the nearest identifier, for a code fix.</summary>
    public static string Nearest(string name)
    {
        StringBuilder nearest = new();
        foreach (char c in name)
        {
            nearest.Append(IsPart(c) ? c : '_');
        }

        if (nearest.Length == 0 || IsDigit(nearest[0]))
        {
            nearest.Insert(0, '_');
        }

        return nearest.ToString(0, Math.Min(nearest.Length, MaxLength));
    }

    private static bool IsDigit(char c) => c is >= '0' and <= '9';

    private static bool IsPart(char c) => c is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or '_' || IsDigit(c);
}
