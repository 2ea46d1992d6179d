using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Text;

/// <summary>Values and names as C# source.</summary>
internal static class Literal
{
    /// <summary>A quoted and escaped string literal.</summary>
    public static string Of(string value) => SymbolDisplay.FormatLiteral(value, quote: true);

    /// <summary>A name that may be a keyword of C#. A contextual one is escaped too: in an async method <c>await</c> is no name.</summary>
    public static string Name(string name) =>
        SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None && SyntaxFacts.GetContextualKeywordKind(name) == SyntaxKind.None
            ? name
            : "@" + name;
}
