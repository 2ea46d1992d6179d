using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>The conditions that every attributed class must meet, so that its generated part compiles.</summary>
internal static class ClassShape
{
    /// <summary>The reason why generated code cannot use a file-local type.</summary>
    public const string FileLocalReason = "it is file-local, and generated code is in another file";

    /// <summary>Generated code has primary constructors and collection expressions.</summary>
    private const LanguageVersion OldestLanguage = LanguageVersion.CSharp12;

    /// <summary>The attributes that make a class a sink or a store, and whose generated members have the same names.</summary>
    private static readonly string[] Exclusive =
    [
        "Adcp.Aot.Storage.SqlDeliveryLogAttribute",
        "Adcp.Aot.Auditing.JsonLinesDeliveryLogAttribute",
        "Adcp.Aot.Auditing.LoggerDeliveryLogAttribute",
        "Adcp.Aot.Auditing.FanOutDeliveryLogAttribute",
        "Adcp.Aot.Storage.TaskStoreAttribute<TTask>",
        "Adcp.Aot.Storage.PushNotificationConfigStoreAttribute",
    ];

    /// <summary>Adds the faults of the class. Nothing can be generated for a class of the wrong shape.</summary>
    /// <param name="type">The attributed class.</param>
    /// <param name="attribute">The short name of its attribute.</param>
    /// <param name="constructs">True if the generated part has a constructor.</param>
    /// <param name="faults">The list to add to.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <returns>True if the shape is right.</returns>
    public static bool Check(
        INamedTypeSymbol type,
        string attribute,
        bool constructs,
        ImmutableArray<Diagnostic>.Builder faults,
        CancellationToken cancellationToken)
    {
        Location location = type.Locations.FirstOrDefault() ?? Location.None;
        if (type.TypeKind != TypeKind.Class)
        {
            // The compiler refuses the attribute there.
            return false;
        }

        if (Unfit(type) is { } unfit)
        {
            faults.Add(Diagnostic.Create(Rules.NestedOrGeneric, location, type.Name, attribute, unfit));
            return false;
        }

        TypeDeclarationSyntax[] declarations =
            [.. type.DeclaringSyntaxReferences.Select(reference => reference.GetSyntax(cancellationToken)).OfType<TypeDeclarationSyntax>()];
        if (OldLanguage(declarations) is { } old)
        {
            faults.Add(Diagnostic.Create(Rules.OldLanguage, location, type.Name, attribute, old.ToDisplayString()));
            return false;
        }

        if (!declarations.All(static declaration => declaration.Modifiers.Any(SyntaxKind.PartialKeyword)))
        {
            faults.Add(Diagnostic.Create(Rules.NotPartial, location, type.Name, attribute));
            return false;
        }

        if (constructs && Rival(type, attribute) is ({ } owner, { } rival))
        {
            faults.Add(Diagnostic.Create(Rules.TwoGenerators, location, type.Name, attribute, owner, rival));
            return false;
        }

        if (constructs && NoConstructor(type, declarations) is { } reason)
        {
            faults.Add(Diagnostic.Create(Rules.NoConstructor, location, type.Name, attribute, reason));
            return false;
        }

        return true;
    }

    /// <summary>Adds a fault for each name of the user that a generated member needs.</summary>
    /// <param name="type">The attributed class.</param>
    /// <param name="attribute">The short name of its attribute.</param>
    /// <param name="members">The generated members.</param>
    /// <param name="faults">The list to add to.</param>
    public static void CheckNames(
        INamedTypeSymbol type, string attribute, IEnumerable<GeneratedMember> members, ImmutableArray<Diagnostic>.Builder faults)
    {
        Location location = type.Locations.FirstOrDefault() ?? Location.None;
        HashSet<ISymbol> reported = new(SymbolEqualityComparer.Default);
        foreach (GeneratedMember member in members)
        {
            if (member.Name == type.Name && reported.Add(type))
            {
                faults.Add(Diagnostic.Create(Rules.NameTaken, location, $"The class '{type.Name}'", attribute));
            }

            foreach (ISymbol taken in member.TakenIn(type).Where(reported.Add))
            {
                bool isOwn = SymbolEqualityComparer.Default.Equals(taken.ContainingType, type);
                Location at = isOwn ? taken.Locations.FirstOrDefault() ?? location : location;
                string name = member.IsConstructor ? $"The constructor of '{type.Name}'" : $"'{taken.ContainingType.Name}.{taken.Name}'";
                faults.Add(Diagnostic.Create(Rules.NameTaken, at, name, attribute));
            }
        }
    }

    /// <summary>
    /// Returns whether the type, a type around it or one of its type arguments can be used in one file only.
    /// </summary>
    public static bool IsFileLocal(ITypeSymbol type) => type switch
    {
        IArrayTypeSymbol array => IsFileLocal(array.ElementType),
        INamedTypeSymbol named =>
            named.IsFileLocal || named.TypeArguments.Any(IsFileLocal) || (named.ContainingType is { } outer && IsFileLocal(outer)),
        _ => false,
    };

    /// <summary>Returns whether the type, every type around it and all of its type arguments are public.</summary>
    public static bool IsPublic(ITypeSymbol type) => type switch
    {
        IArrayTypeSymbol array => IsPublic(array.ElementType),
        INamedTypeSymbol named => named.DeclaredAccessibility is Accessibility.Public or Accessibility.NotApplicable
            && named.TypeArguments.All(IsPublic) && (named.ContainingType is not { } outer || IsPublic(outer)),
        _ => true,
    };

    private static string? Unfit(INamedTypeSymbol type) =>
        type.ContainingType is not null ? "nested"
        : type.IsGenericType ? "generic"
        : type.IsStatic ? "static"
        : type.IsAbstract ? "abstract"
        : type.IsFileLocal ? "file-local"
        : null;

    private static LanguageVersion? OldLanguage(TypeDeclarationSyntax[] declarations)
    {
        foreach (TypeDeclarationSyntax declaration in declarations)
        {
            if (declaration.SyntaxTree.Options is CSharpParseOptions { LanguageVersion: < OldestLanguage } options)
            {
                return options.LanguageVersion;
            }
        }

        return null;
    }

    /// <summary>
    /// Returns another attribute of the class or of a base class whose generated members would have the same names.
    /// </summary>
    private static (string Owner, string Attribute)? Rival(INamedTypeSymbol type, string attribute)
    {
        for (INamedTypeSymbol? each = type; each is not null; each = each.BaseType)
        {
            foreach (AttributeData other in each.GetAttributes())
            {
                string name = Short(other.AttributeClass?.Name ?? "");
                bool isOther = name != attribute || !SymbolEqualityComparer.Default.Equals(each, type);
                if (isOther && Exclusive.Contains(other.AttributeClass?.OriginalDefinition.ToDisplayString()))
                {
                    return (SymbolEqualityComparer.Default.Equals(each, type) ? "the same class" : $"its base class '{each.Name}'", name);
                }
            }
        }

        return null;
    }

    private static string Short(string name) => name.EndsWith("Attribute", StringComparison.Ordinal) ? name[..^"Attribute".Length] : name;

    private static string? NoConstructor(INamedTypeSymbol type, TypeDeclarationSyntax[] declarations)
    {
        if (declarations.Any(static declaration => declaration.ParameterList is not null))
        {
            return "the class has a primary constructor, which every other constructor must call; "
                + "write an ordinary constructor that calls the generated one";
        }

        bool hasBase = type.BaseType is not { } parent || parent.InstanceConstructors.Any(constructor =>
            constructor.Parameters.All(static parameter => parameter.IsOptional || parameter.IsParams) && IsInherited(constructor, type));
        return hasBase ? null : $"its base class '{type.BaseType!.Name}' has no constructor without parameters; add one";
    }

    /// <summary>Returns whether a derived class can see the member.</summary>
    internal static bool IsInherited(ISymbol member, INamedTypeSymbol derived) => member.DeclaredAccessibility switch
    {
        Accessibility.Public or Accessibility.Protected or Accessibility.ProtectedOrInternal => true,
        Accessibility.Internal or Accessibility.ProtectedAndInternal =>
            SymbolEqualityComparer.Default.Equals(member.ContainingAssembly, derived.ContainingAssembly)
            || member.ContainingAssembly.GivesAccessTo(derived.ContainingAssembly),
        _ => false,
    };
}
