using System.Text.RegularExpressions;

namespace Adcp.Aot.Cli.Tests.Docs;

/// <summary>A row of a table of <c>docs/limits.md</c>.</summary>
/// <param name="Bound">The bounded thing.</param>
/// <param name="Default">The bound, or its default; <c>-</c> if no single member of the code has it.</param>
/// <param name="Unit">The unit of the default: <c>time</c>, <c>bytes</c>, or the name of the counted things.</param>
/// <param name="Option">
/// The member that has the default, without its quotes: <c>Type.Member</c>, <c>Type(parameter)</c> of a constructor, or
/// <c>command --option</c>; <c>-</c> for none.
/// </param>
/// <param name="AtTheBound">The behaviour at the bound.</param>
internal sealed partial record Limit(string Bound, string Default, string Unit, string Option, string AtTheBound)
{
    public static IReadOnlyList<Limit> All { get; } =
        [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Docs", "limits.md")).Where(IsRow).Select(Read)];

    /// <summary>Returns whether the line is a row, and neither the head of a table nor the line below it.</summary>
    private static bool IsRow(string line) =>
        line.StartsWith('|')
        && !line.StartsWith("|---", StringComparison.Ordinal) && !line.StartsWith("| bound |", StringComparison.Ordinal);

    private static Limit Read(string line)
    {
        string[] cells = [.. line.Split('|').Select(static cell => cell.Trim())];
        Assert.True(cells.Length == 7, $"A row has five cells: {line}");
        Assert.All(cells[1..6], cell => Assert.True(cell.Length > 0, $"A cell is empty: {line}"));
        Assert.True(cells[4] == "-" || Quoted().IsMatch(cells[4]), $"An option is one quoted member or '-': {line}");
        return new Limit(cells[1], cells[2], cells[3], cells[4].Trim('`'), cells[5]);
    }

    [GeneratedRegex("^`[^`]+`$")]
    private static partial Regex Quoted();
}
