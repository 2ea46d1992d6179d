using Adcp.Aot.Generators.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>A member that a generator adds to the user's class.</summary>
internal sealed class GeneratedMember
{
    private const string Constructor = ".ctor";
    private const string Prefix = "global::";

    private readonly string? _parameters;
    private readonly bool _isPartial;

    private GeneratedMember(string name, string? parameters, bool isPartial)
    {
        Name = name;
        _parameters = parameters;
        _isPartial = isPartial;
    }

    public string Name { get; }

    public bool IsConstructor => Name == Constructor;

    /// <summary>Returns a constructor, by the full names of its parameters' types.</summary>
    public static GeneratedMember New(params string[] parameters) => Method(Constructor, parameters);

    /// <summary>
    /// Returns a method, by the full names of its parameters' types. Other methods of that name are allowed.
    /// </summary>
    public static GeneratedMember Method(string name, params string[] parameters) =>
        new(name, string.Join(", ", parameters), isPartial: false);

    /// <summary>Returns a partial method that the user may implement.</summary>
    public static GeneratedMember PartialMethod(string name, params string[] parameters) =>
        new(name, string.Join(", ", parameters), isPartial: true);

    /// <summary>Returns a property and its accessor.</summary>
    public static GeneratedMember[] Property(string name) => [Other(name), Method("get_" + name)];

    /// <summary>Returns a field, a nested class or an explicit implementation.</summary>
    public static GeneratedMember Other(string name) => new(name, null, isPartial: false);

    /// <summary>Returns the user's members, of the class or inherited, that collide with this one.</summary>
    public IEnumerable<ISymbol> TakenIn(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? each = type; each is not null; each = each.BaseType)
        {
            bool isOwn = SymbolEqualityComparer.Default.Equals(each, type);
            if (!isOwn && IsConstructor)
            {
                yield break;
            }

            // The name of an explicit implementation is as its author wrote it, with "global::" or without.
            string other = Name.StartsWith(Prefix, StringComparison.Ordinal) ? Name.Substring(Prefix.Length) : "";
            foreach (ISymbol member in each.GetMembers(Name).Concat(each.GetMembers(other)))
            {
                if (Takes(member) && (isOwn ? !IsGenerated(member) : ClassShape.IsInherited(member, type)))
                {
                    yield return member;
                }
            }
        }
    }

    public override string ToString() => _parameters is null ? Name : $"{Name}({_parameters})";

    private static bool IsGenerated(ISymbol member) => member.IsImplicitlyDeclared || member.GetAttributes().Any(static attribute =>
        attribute.AttributeClass?.Name == "GeneratedCodeAttribute"
            && attribute.ConstructorArguments.FirstOrDefault().Value is GeneratedFile.Tool);

    private static bool IsPartial(IMethodSymbol method) => method.DeclaringSyntaxReferences.Any(static reference =>
        reference.GetSyntax() is MethodDeclarationSyntax declaration && declaration.Modifiers.Any(SyntaxKind.PartialKeyword));

    private bool Takes(ISymbol member)
    {
        if (member is not IMethodSymbol method)
        {
            return true;
        }

        if (method.AssociatedSymbol is not null || _parameters is null || method.Arity > 0)
        {
            // An accessor belongs to a property of that name, which is reported. A generic method is another method.
            return method.AssociatedSymbol is null && _parameters is null;
        }

        string parameters = string.Join(", ", method.Parameters.Select(static parameter => parameter.RefKind == RefKind.None
            ? parameter.Type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)
            : "ref"));
        return parameters == _parameters && !(_isPartial && IsPartial(method));
    }
}
