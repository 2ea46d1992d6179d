using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Sql;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Reads the parts that the attributes of both stores have in common.</summary>
internal static class StoreParser
{
    public const string ColumnAttribute = "Adcp.Aot.Storage.StoreColumnAttribute";
    public const string TaskStoreType = "Adcp.Aot.Storage.TaskStoreAttribute<TTask>";
    private const string ScopeType = "Adcp.Aot.Storage.StoreScope";

    public static bool IsClass(SyntaxNode node) => node is ClassDeclarationSyntax or RecordDeclarationSyntax;

    /// <summary>
    /// Returns whether a class claims to be both stores. Its analyzer reports it, and nothing is generated for it.
    /// </summary>
    public static bool IsBoth(INamedTypeSymbol type) => type.GetAttributes().Count(static attribute =>
        attribute.AttributeClass?.OriginalDefinition.ToDisplayString() is TaskStoreType or PushConfigStoreParser.Attribute) > 1;

    /// <summary>
    /// Returns a constructor's argument; <c>null</c> if it is missing, as in code that does not compile yet.
    /// </summary>
    public static object? Given(AttributeData attribute, int position) =>
        position < attribute.ConstructorArguments.Length ? attribute.ConstructorArguments[position].Value : null;

    public static string Named(AttributeData attribute, string name, string fallback) =>
        attribute.NamedArguments.FirstOrDefault(argument => argument.Key == name).Value.Value as string ?? fallback;

    /// <returns><c>null</c>, with a fault, if the value is not one of the enum's.</returns>
    public static Dialect? DialectOf(AttributeData attribute, AttributeSource source, ImmutableArray<Diagnostic>.Builder faults)
    {
        int value = attribute.NamedArguments.FirstOrDefault(static argument => argument.Key == "Dialect").Value.Value as int? ?? 0;
        if (value is >= (int)Dialect.Any and <= (int)Dialect.MySql)
        {
            return (Dialect)value;
        }

        faults.Add(Diagnostic.Create(Rules.UnsupportedDialect, source.Argument("Dialect"), value));
        return null;
    }

    /// <summary>Checks every name that will be in SQL.</summary>
    /// <param name="table">The table's name.</param>
    /// <param name="columns">The columns' names, each with its location; the whole attribute if it has none.</param>
    /// <param name="source">The store's attribute.</param>
    /// <param name="faults">The list to add to.</param>
    public static void CheckNames(
        string table, IEnumerable<(string Name, Location At)> columns, AttributeSource source, ImmutableArray<Diagnostic>.Builder faults)
    {
        if (!Identifier.IsTable(table))
        {
            faults.Add(Diagnostic.Create(
                Rules.NotAnIdentifier, source.Argument(0), FixProperties.Replace(Identifier.Nearest(table)), table, Identifier.Rule));
        }

        Dictionary<string, Location> seen = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string column, Location at) in columns)
        {
            if (!Identifier.IsColumn(column))
            {
                faults.Add(Diagnostic.Create(
                    Rules.NotAnIdentifier, at, FixProperties.Replace(Identifier.Nearest(column)), column, Identifier.Rule));
            }
            else if (seen.TryGetValue(column, out Location? taken))
            {
                // A column under its own name has no location to report at, but the one that took the name has.
                faults.Add(Diagnostic.Create(Rules.DuplicateColumn, at == source.Whole ? taken : at, column));
            }
            else
            {
                seen.Add(column, at);
            }
        }
    }

    /// <summary>Returns the class's <c>[StoreColumn]</c>s.</summary>
    /// <param name="type">The attributed class.</param>
    /// <param name="saved">The type of the saved object.</param>
    /// <param name="faults">The list to add to.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public static IReadOnlyList<(StoreColumn Column, Location At)> Columns(
        INamedTypeSymbol type, ITypeSymbol saved, ImmutableArray<Diagnostic>.Builder faults, CancellationToken cancellationToken)
    {
        List<(StoreColumn Column, Location At)> columns = [];
        foreach (AttributeData attribute in type.GetAttributes())
        {
            if (attribute.AttributeClass?.ToDisplayString() != ColumnAttribute || Given(attribute, 0) is not string name
                || Given(attribute, 1) is not string member)
            {
                continue;
            }

            AttributeSource source = new(attribute, cancellationToken);
            int maxLength =
                attribute.NamedArguments.FirstOrDefault(static argument => argument.Key == "MaxLength").Value.Value as int? ?? 0;
            (IMethodSymbol Method, StoredType Type)? found = Member(type, member, saved);
            if (found is not { } computed)
            {
                faults.Add(Diagnostic.Create(Rules.WrongStoreMember, source.Whole, Properties(member, saved), name, member, saved.Name));
                continue;
            }

            if (maxLength < 0 || (maxLength > 0 && computed.Type != StoredType.Text))
            {
                faults.Add(Diagnostic.Create(
                    Rules.OptionDoesNotFit,
                    source.Argument("MaxLength"),
                    name,
                    "MaxLength is for a text column only, and must be 1 or more"));
                continue;
            }

            bool takesScope = computed.Method.Parameters.Length == 2;
            StoreColumn column = new(name, member, computed.Method.IsStatic, takesScope, computed.Type, maxLength);
            columns.Add((column, source.Argument(0)));
        }

        return columns;
    }

    /// <summary>Returns the properties that a code fix needs to write the member.</summary>
    public static ImmutableDictionary<string, string?> Properties(string member, ITypeSymbol saved) =>
        ImmutableDictionary<string, string?>.Empty
        .Add("member", member)
        .Add("saved", saved.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat));

    private static (IMethodSymbol Method, StoredType Type)? Member(INamedTypeSymbol type, string name, ITypeSymbol saved)
    {
        foreach (IMethodSymbol method in type.GetMembers(name).OfType<IMethodSymbol>())
        {
            bool takes = method.Parameters.Length switch
            {
                1 => Is(method.Parameters[0], saved),
                2 => method.Parameters[0].RefKind == RefKind.None && method.Parameters[0].Type.ToDisplayString() == ScopeType
                    && Is(method.Parameters[1], saved),
                _ => false,
            };
            if (takes && !method.IsGenericMethod && !method.ReturnsByRef && Stored(method.ReturnType) is { } stored)
            {
                return (method, stored);
            }
        }

        return null;
    }

    private static bool Is(IParameterSymbol parameter, ITypeSymbol type) =>
        parameter.RefKind == RefKind.None && SymbolEqualityComparer.Default.Equals(parameter.Type, type);

    private static StoredType? Stored(ITypeSymbol type)
    {
        ITypeSymbol bare = type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable
            ? nullable.TypeArguments[0] : type;
        return bare.SpecialType switch
        {
            SpecialType.System_String => StoredType.Text,
            SpecialType.System_Int16 => StoredType.SmallInt,
            SpecialType.System_Int32 => StoredType.Integer,
            SpecialType.System_Int64 => StoredType.BigInt,
            SpecialType.System_Double => StoredType.Double,
            SpecialType.System_Decimal => StoredType.Numeric,
            SpecialType.System_Boolean => StoredType.Boolean,
            SpecialType.System_DateTime => StoredType.Timestamp,
            _ => bare.ToDisplayString() switch
            {
                "System.Guid" => StoredType.Uuid,
                "System.DateTimeOffset" => StoredType.Timestamp,
                _ => null,
            },
        };
    }
}
