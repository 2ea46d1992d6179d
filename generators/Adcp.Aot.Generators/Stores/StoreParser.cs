using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Sql;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Stores;

/// <summary>What the attributes of both stores have in common.</summary>
internal static class StoreParser
{
    public const string ColumnAttribute = "Adcp.Aot.Storage.A2A.StoreColumnAttribute";
    private const string ScopeType = "Adcp.Aot.Storage.A2A.StoreScope";

    public static bool IsClass(SyntaxNode node) => node is ClassDeclarationSyntax or RecordDeclarationSyntax;

    public static Location At(AttributeData attribute, ISymbol fallback, CancellationToken cancellationToken) =>
        attribute.ApplicationSyntaxReference?.GetSyntax(cancellationToken).GetLocation() ?? fallback.Locations.FirstOrDefault() ?? Location.None;

    /// <summary>A constructor's argument; null where it is missing, as in code that does not compile yet.</summary>
    public static object? Given(AttributeData attribute, int position) =>
        position < attribute.ConstructorArguments.Length ? attribute.ConstructorArguments[position].Value : null;

    public static string Named(AttributeData attribute, string name, string fallback) =>
        attribute.NamedArguments.FirstOrDefault(argument => argument.Key == name).Value.Value as string ?? fallback;

    /// <returns>Null, with a fault, where the value is none of the enum's.</returns>
    public static Dialect? DialectOf(AttributeData attribute, Location at, ImmutableArray<Diagnostic>.Builder faults)
    {
        int value = attribute.NamedArguments.FirstOrDefault(static argument => argument.Key == "Dialect").Value.Value as int? ?? 0;
        if (value is >= (int)Dialect.Any and <= (int)Dialect.MySql)
        {
            return (Dialect)value;
        }

        faults.Add(Diagnostic.Create(Rules.UnsupportedDialect, at, value));
        return null;
    }

    public static void CheckNames(string table, IEnumerable<string> columns, Location at, ImmutableArray<Diagnostic>.Builder faults)
    {
        if (!Identifier.IsTable(table))
        {
            faults.Add(Diagnostic.Create(Rules.NotAnIdentifier, at, table, Identifier.Rule));
        }

        HashSet<string> seen = new(StringComparer.OrdinalIgnoreCase);
        foreach (string column in columns)
        {
            if (!Identifier.IsColumn(column))
            {
                faults.Add(Diagnostic.Create(Rules.NotAnIdentifier, at, column, Identifier.Rule));
            }
            else if (!seen.Add(column))
            {
                faults.Add(Diagnostic.Create(Rules.DuplicateColumn, at, column));
            }
        }
    }

    /// <summary>The class's <c>[StoreColumn]</c>s.</summary>
    /// <param name="type">The attributed class.</param>
    /// <param name="saved">The type of what is saved.</param>
    /// <param name="faults">What is wrong with them.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public static IReadOnlyList<StoreColumn> Columns(
        INamedTypeSymbol type, ITypeSymbol saved, ImmutableArray<Diagnostic>.Builder faults, CancellationToken cancellationToken)
    {
        List<StoreColumn> columns = [];
        foreach (AttributeData attribute in type.GetAttributes())
        {
            if (attribute.AttributeClass?.ToDisplayString() != ColumnAttribute || Given(attribute, 0) is not string name || Given(attribute, 1) is not string member)
            {
                continue;
            }

            Location at = At(attribute, type, cancellationToken);
            int maxLength = attribute.NamedArguments.FirstOrDefault(static argument => argument.Key == "MaxLength").Value.Value as int? ?? 0;
            (IMethodSymbol Method, StoredType Type)? found = Member(type, member, saved);
            if (found is not { } computed)
            {
                faults.Add(Diagnostic.Create(Rules.WrongStoreMember, at, Properties(member, saved), name, member, saved.Name));
                continue;
            }

            if (maxLength < 0 || (maxLength > 0 && computed.Type != StoredType.Text))
            {
                faults.Add(Diagnostic.Create(Rules.OptionDoesNotFit, at, name, "MaxLength bounds a text, by a number above 0"));
                continue;
            }

            columns.Add(new StoreColumn(name, member, computed.Method.Parameters.Length == 2, computed.Type, maxLength));
        }

        return columns;
    }

    /// <summary>What a code fix needs to write the member.</summary>
    public static ImmutableDictionary<string, string?> Properties(string member, ITypeSymbol saved) => ImmutableDictionary<string, string?>.Empty
        .Add("member", member)
        .Add("saved", saved.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat));

    private static (IMethodSymbol Method, StoredType Type)? Member(INamedTypeSymbol type, string name, ITypeSymbol saved)
    {
        foreach (IMethodSymbol method in type.GetMembers(name).OfType<IMethodSymbol>())
        {
            bool takes = method.Parameters.Length switch
            {
                1 => Is(method.Parameters[0], saved),
                2 => method.Parameters[0].RefKind == RefKind.None && method.Parameters[0].Type.ToDisplayString() == ScopeType && Is(method.Parameters[1], saved),
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
        ITypeSymbol bare = type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable ? nullable.TypeArguments[0] : type;
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
