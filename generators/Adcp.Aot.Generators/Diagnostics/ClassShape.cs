using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>What every attributed class must be: partial, top-level, neither generic, static nor abstract.</summary>
internal static class ClassShape
{
    /// <summary>Adds what is wrong. Nothing can be generated for a class of the wrong shape.</summary>
    /// <returns>True where the shape is right.</returns>
    public static bool Check(INamedTypeSymbol type, string attribute, ImmutableArray<Diagnostic>.Builder faults, CancellationToken cancellationToken)
    {
        Location location = type.Locations.FirstOrDefault() ?? Location.None;
        if (Unfit(type) is { } unfit)
        {
            faults.Add(Diagnostic.Create(Rules.NestedOrGeneric, location, type.Name, attribute, unfit));
            return false;
        }

        bool isPartial = type.DeclaringSyntaxReferences.All(reference =>
            reference.GetSyntax(cancellationToken) is TypeDeclarationSyntax declaration && declaration.Modifiers.Any(SyntaxKind.PartialKeyword));
        if (!isPartial)
        {
            faults.Add(Diagnostic.Create(Rules.NotPartial, location, type.Name, attribute));
        }

        return isPartial;
    }

    private static string? Unfit(INamedTypeSymbol type) =>
        type.ContainingType is not null ? "nested"
        : type.IsGenericType ? "generic"
        : type.IsStatic ? "static"
        : type.IsAbstract ? "abstract"
        : null;
}
