using Adcp.Aot.Generators.Text;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Models;

/// <summary>The attributed class as text: no symbol outlives the step that read it.</summary>
/// <param name="Namespace">Empty for the global namespace.</param>
/// <param name="Name">The simple name, escaped if it is a keyword.</param>
/// <param name="Keyword"><c>class</c> or <c>record</c>.</param>
/// <param name="HasConstructor"><c>true</c> if the class declares an instance constructor of its own.</param>
internal sealed record TypeModel(string Namespace, string Name, string Keyword, bool HasConstructor)
{
    /// <summary>The name of the generated file, without its suffix.</summary>
    public string HintName => (Namespace.Length == 0 ? Name : Namespace + "." + Name).Replace("@", "");

    /// <summary>The full name.</summary>
    public string FullName => "global::" + (Namespace.Length == 0 ? "" : Namespace + ".") + Name;

    public static TypeModel Of(INamedTypeSymbol type) => new(
        type.ContainingNamespace.IsGlobalNamespace ? "" : type.ContainingNamespace.ToDisplayString(),
        Literal.Name(type.Name),
        type.IsRecord ? "record" : "class",
        type.InstanceConstructors.Any(static constructor => !constructor.IsImplicitlyDeclared));
}
