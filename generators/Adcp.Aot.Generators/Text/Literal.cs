using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Text;

/// <summary>Values as C# source.</summary>
internal static class Literal
{
    /// <summary>A quoted and escaped string literal.</summary>
    public static string Of(string value) => SymbolDisplay.FormatLiteral(value, quote: true);
}
