using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Text;

/// <summary>Writes values and names as C# source.</summary>
internal static class Literal
{
    /// <summary>Returns a quoted and escaped string literal.</summary>
    public static string Of(string value) => SymbolDisplay.FormatLiteral(value, quote: true);

    /// <summary>
    /// Returns a name that may be a keyword of C#. A contextual one is escaped too: in an async method <c>await</c> is
    /// not a name.
    /// </summary>
    public static string Name(string name) =>
        SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None && SyntaxFacts.GetContextualKeywordKind(name) == SyntaxKind.None
            ? name
            : "@" + name;
}
