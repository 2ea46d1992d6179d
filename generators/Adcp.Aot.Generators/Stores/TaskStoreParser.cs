using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Reads <c>[TaskStore]</c> and the members that it needs.</summary>
internal static class TaskStoreParser
{
    public const string Attribute = "Adcp.Aot.Storage.TaskStoreAttribute`1";
    public const string AttributeName = "TaskStore";
    private const string ContractType = "System.Text.Json.Serialization.Metadata.JsonTypeInfo<T>";
    private const string FactsType = "Adcp.Aot.Storage.TaskFacts";

    /// <summary>The option that names each of <see cref="TaskTable.Columns"/>.</summary>
    private static readonly string[] Options =
    [
        "ScopeColumn", "TaskIdColumn", "ContextIdColumn", "StateColumn", "IsTerminalColumn", "VersionColumn", "UpdatedAtColumn",
        "TaskColumn",
    ];

    public static Parsed<TaskStoreModel> Parse(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        if (StoreParser.IsBoth(type) || !ClassShape.Check(type, AttributeName, constructs: true, faults, cancellationToken)
            || attribute.AttributeClass?.TypeArguments[0] is not INamedTypeSymbol { TypeKind: not TypeKind.Error } task
            || StoreParser.Given(attribute, 0) is not string)
        {
            return new(null, faults.ToImmutable());
        }

        AttributeSource source = new(attribute, cancellationToken);
        Dialect? dialect = StoreParser.DialectOf(attribute, source, faults);
        TaskTable table = Table(attribute);
        IReadOnlyList<(StoreColumn Column, Location At)> extra = StoreParser.Columns(type, task, faults, cancellationToken);
        StoreParser.CheckNames(
            table.Name,
            table.Columns.Zip(Options, (name, option) => (name, source.Argument(option)))
                .Concat(extra.Select(static one => (one.Column.Name, one.At))),
            source,
            faults);

        ISymbol? contract = Only(type, Contracts(type, task), Rules.MissingContract, task, faults);
        ISymbol? facts = Only(type, Facts(type, task), Rules.MissingFacts, task, faults);
        if (Inaccessible(type, task) is { } reason)
        {
            faults.Add(Diagnostic.Create(Rules.Inaccessible, source.Whole, type.Name, AttributeName, task.Name, reason));
        }

        if (faults.Count > 0 || dialect is not { } chosen || contract is null || facts is null)
        {
            return new(null, faults.ToImmutable());
        }

        TaskStoreModel model = new(
            TypeModel.Of(type),
            task.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat),
            Literal.Name(contract.Name),
            Literal.Name(facts.Name),
            chosen,
            table,
            extra.Select(static one => one.Column).ToEquatableArray());
        ClassShape.CheckNames(type, AttributeName, TaskStoreGenerator.Members(model), faults);
        return new(faults.Count > 0 ? null : model, faults.ToImmutable());
    }

    /// <summary>
    /// Returns the reason why the public methods of a store cannot have the task in their signatures; null if they can.
    /// </summary>
    private static string? Inaccessible(INamedTypeSymbol type, ITypeSymbol task) =>
        ClassShape.IsFileLocal(task) ? ClassShape.FileLocalReason
        : type.DeclaredAccessibility == Accessibility.Public && !ClassShape.IsPublic(task)
            ? "the store is public and the task is not; make both public or both internal"
        : null;

    /// <summary>Returns the table that the attribute names, valid or not.</summary>
    public static TaskTable Table(AttributeData attribute) => new(
        (string)StoreParser.Given(attribute, 0)!,
        StoreParser.Named(attribute, "ScopeColumn", "scope"),
        StoreParser.Named(attribute, "TaskIdColumn", "task_id"),
        StoreParser.Named(attribute, "ContextIdColumn", "context_id"),
        StoreParser.Named(attribute, "StateColumn", "state"),
        StoreParser.Named(attribute, "IsTerminalColumn", "is_terminal"),
        StoreParser.Named(attribute, "VersionColumn", "version"),
        StoreParser.Named(attribute, "UpdatedAtColumn", "updated_at"),
        StoreParser.Named(attribute, "TaskColumn", "task_json"));

    private static IEnumerable<ISymbol> Contracts(INamedTypeSymbol type, ITypeSymbol task) => type.GetMembers().Where(member =>
        member.IsStatic && !member.IsImplicitlyDeclared
        && ((member as IPropertySymbol)?.Type ?? (member as IFieldSymbol)?.Type) is INamedTypeSymbol { Arity: 1 } contract
        && contract.OriginalDefinition.ToDisplayString() == ContractType
            && SymbolEqualityComparer.Default.Equals(contract.TypeArguments[0], task));

    private static IEnumerable<ISymbol> Facts(INamedTypeSymbol type, ITypeSymbol task) => type.GetMembers().OfType<IMethodSymbol>().Where(
        method => method is { IsStatic: true, MethodKind: MethodKind.Ordinary, IsGenericMethod: false }
        && method.Parameters is [{ RefKind: RefKind.None }]
        && method.ReturnType.ToDisplayString() == FactsType && SymbolEqualityComparer.Default.Equals(method.Parameters[0].Type, task));

    private static ISymbol? Only(
        INamedTypeSymbol type,
        IEnumerable<ISymbol> candidates,
        DiagnosticDescriptor missing,
        ITypeSymbol task,
        ImmutableArray<Diagnostic>.Builder faults)
    {
        ISymbol[] found = [.. candidates];
        Location at = type.Locations.FirstOrDefault() ?? Location.None;
        if (found.Length == 0)
        {
            faults.Add(Diagnostic.Create(missing, at, StoreParser.Properties("", task), type.Name, task.Name));
        }
        else if (found.Length > 1)
        {
            faults.Add(Diagnostic.Create(
                Rules.AmbiguousStoreMember, found[1].Locations.FirstOrDefault() ?? at, type.Name, found[0].Name, found[1].Name));
        }

        return found.Length == 1 ? found[0] : null;
    }
}
