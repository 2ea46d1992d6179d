using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>
/// Finds the types of a JSON context: those of its <c>[JsonSerializable]</c> attributes and the types of their members.
/// It may find a type too many, so that no valid platform is refused.
/// </summary>
internal static class JsonContracts
{
    private const string Serializable = "System.Text.Json.Serialization.JsonSerializableAttribute";
    private const string Derived = "System.Text.Json.Serialization.JsonDerivedTypeAttribute";

    /// <summary>Returns the types; null if the context is written by hand, and so cannot be checked.</summary>
    public static HashSet<ITypeSymbol>? Of(INamedTypeSymbol context, CancellationToken cancellationToken)
    {
        Stack<ITypeSymbol> open = new(Types(context, Serializable));
        if (open.Count == 0)
        {
            return null;
        }

        HashSet<ITypeSymbol> known = new(SymbolEqualityComparer.Default);
        while (open.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ITypeSymbol type = open.Pop();
            if (known.Add(type))
            {
                foreach (ITypeSymbol next in Parts(type))
                {
                    open.Push(next);
                }
            }
        }

        return known;
    }

    private static IEnumerable<ITypeSymbol> Parts(ITypeSymbol type)
    {
        if (type is IArrayTypeSymbol array)
        {
            return [array.ElementType];
        }

        if (type is not INamedTypeSymbol named)
        {
            return [];
        }

        IEnumerable<ITypeSymbol> parts = [.. named.TypeArguments, .. Types(named, Derived)];
        return IsFrameworkType(named)
            ? parts
            : parts.Concat(named.AllInterfaces.SelectMany(static each => each.TypeArguments)).Concat(Members(named));
    }

    private static IEnumerable<ITypeSymbol> Members(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? each = type; each is not null && !IsFrameworkType(each); each = each.BaseType)
        {
            foreach (ISymbol member in each.GetMembers())
            {
                if (member is IPropertySymbol { IsStatic: false, IsIndexer: false } property)
                {
                    yield return property.Type;
                }
                else if (member is IFieldSymbol { IsStatic: false, IsImplicitlyDeclared: false } field)
                {
                    yield return field.Type;
                }
            }

            if (each.BaseType is { } parent)
            {
                foreach (ITypeSymbol argument in parent.TypeArguments)
                {
                    yield return argument;
                }
            }
        }
    }

    /// <summary>Returns the types that an attribute of a class names in its constructor.</summary>
    private static IEnumerable<ITypeSymbol> Types(INamedTypeSymbol type, string attribute) => type.GetAttributes()
        .Where(each => each.AttributeClass?.ToDisplayString() == attribute)
        .Select(static each => each.ConstructorArguments.FirstOrDefault().Value)
        .OfType<ITypeSymbol>();

    /// <summary>Returns whether the serializer ignores the members of a type.</summary>
    private static bool IsFrameworkType(INamedTypeSymbol type)
    {
        INamespaceSymbol? space = type.ContainingNamespace;
        while (space is { IsGlobalNamespace: false, ContainingNamespace.IsGlobalNamespace: false })
        {
            space = space.ContainingNamespace;
        }

        return space?.Name == "System" && type.Locations.All(static location => !location.IsInSource);
    }
}
