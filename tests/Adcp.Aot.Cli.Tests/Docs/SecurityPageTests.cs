using System.Text.RegularExpressions;

namespace Adcp.Aot.Cli.Tests.Docs;

/// <summary><c>SECURITY.md</c>, against the code.</summary>
public sealed partial class SecurityPageTests
{
    [Fact]
    public void Every_type_and_member_that_the_page_names_is_public()
    {
        string page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Docs", "SECURITY.md"));
        IReadOnlyCollection<Match> names = Name().Matches(page);

        string[] unknown =
        [
            .. names.Where(static name => !Shipped.Has(name.Groups[1].Value, name.Groups[2].Success ? name.Groups[2].Value : null))
                .Select(static name => name.Value),
        ];

        Assert.NotEmpty(names);
        Assert.True(unknown.Length == 0, string.Join('\n', unknown));
    }

    [GeneratedRegex(@"`([A-Z]\w+)(?:\.(\w+))?`")]
    private static partial Regex Name();
}
