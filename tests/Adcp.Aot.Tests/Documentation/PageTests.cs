using System.Globalization;
using System.Text.RegularExpressions;

namespace Adcp.Aot.Tests.Documentation;

/// <summary>Tables of the documentation, against the code.</summary>
public sealed partial class PageTests
{
    [Fact]
    public void Every_event_id_is_in_the_operations_page()
    {
        IEnumerable<int> documented = EventRow().Matches(Repository.Read("docs/operations.md")).Select(Number);

        IEnumerable<int> used = Repository.List("src", "*.cs")
            .SelectMany(static file => EventIdsOf(file).Matches(Repository.Read(file))).Select(Number);

        Assert.Equal(used.Distinct().Order(), documented.Order());
    }

    [Fact]
    public void Every_instrument_and_tag_is_in_the_operations_page()
    {
        IEnumerable<string> documented = Instrument().Matches(Repository.Read("docs/operations.md")).Select(Text);

        IEnumerable<string> used = Repository.List("src", "*.cs")
            .SelectMany(static file => InstrumentText().Matches(Repository.Read(file))).Select(Text);

        Assert.Equal(used.Distinct().Order(StringComparer.Ordinal), documented.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_span_and_each_tag_of_a_span_is_in_the_operations_page()
    {
        Dictionary<string, string> tags = ConstantsOf("AdcpTags");
        IEnumerable<string> usedTags = Repository.List("src", "*.cs")
            .SelectMany(static file => SetTag().Matches(Repository.Read(file)))
            .Select(match => match.Groups["literal"].Value is { Length: > 0 } literal ? literal : tags[match.Groups["constant"].Value]);

        string[][] rows = [.. Spans().Match(Repository.Read("docs/operations.md")).Groups["row"].Captures
            .Select(static row => row.Value.Split('|'))];

        Assert.Equal(
            ConstantsOf("AdcpSpans").Values.Order(StringComparer.Ordinal),
            rows.Select(static cells => Text(Code().Match(cells[1]))).Order(StringComparer.Ordinal));
        Assert.Equal(
            usedTags.Distinct().Order(StringComparer.Ordinal),
            rows.SelectMany(static cells => Code().Matches(cells[4])).Select(Text).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Glossary_has_at_most_25_terms_in_order()
    {
        string[] terms = [.. Glossary().Match(Repository.Read("docs/architecture.md")).Groups["row"].Captures
            .Select(static row => row.Value.Split('|')[1].Trim()).Skip(2)];

        Assert.InRange(terms.Length, 1, 25);
        Assert.Equal(terms.Order(StringComparer.Ordinal), terms);
    }

    [Fact]
    public void README_has_the_lines_that_the_gate_runs()
    {
        string[] readme = Repository.Read("README.md").Split('\n');

        IEnumerable<string> run = Repository.Read(".ci/checks/plain-clone.sh").Split('\n')
            .Where(static line => line.StartsWith("run dotnet ", StringComparison.Ordinal)).Select(static line => line["run ".Length..]);

        Assert.NotEmpty(run);
        Assert.All(run, line => Assert.Contains(line, readme));
    }

    private static Dictionary<string, string> ConstantsOf(string type) =>
        Constant().Matches(Repository.Read($"src/Adcp.Aot/Telemetry/{type}.cs"))
            .ToDictionary(Text, static match => match.Groups[2].Value);

    private static string Text(Match match) => match.Groups[1].Value;

    private static int Number(Match match) => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);

    private static Regex EventIdsOf(string file) => file.EndsWith("EventIds.cs", StringComparison.Ordinal) ? ConstantId() : LiteralId();

    [GeneratedRegex(@"^\| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex EventRow();

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex LiteralId();

    /// <summary>Matches the ids of a file that names them.</summary>
    [GeneratedRegex(@"const int \w+ = (\d+);")]
    private static partial Regex ConstantId();

    [GeneratedRegex(@"`(adcp\.[a-z._]+[a-z])`")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"""(adcp\.[a-z._]+[a-z])""")]
    private static partial Regex InstrumentText();

    [GeneratedRegex(@"const string (\w+) = ""([^""]+)"";")]
    private static partial Regex Constant();

    [GeneratedRegex(@"\.SetTag\((?:AdcpTags\.(?<constant>\w+)|""(?<literal>[^""]+)"")")]
    private static partial Regex SetTag();

    [GeneratedRegex(@"`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\| span \|[^\n]*\n\|[-|]+\n(?<row>\|[^\n]*\n)+", RegexOptions.Multiline)]
    private static partial Regex Spans();

    [GeneratedRegex(@"^## Glossary\n+(?<row>\|[^\n]*\n)+", RegexOptions.Multiline)]
    private static partial Regex Glossary();
}
