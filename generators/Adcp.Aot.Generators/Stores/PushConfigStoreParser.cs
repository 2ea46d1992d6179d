using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Reads <c>[PushNotificationConfigStore]</c> and the task store that it names.</summary>
internal static class PushConfigStoreParser
{
    public const string Attribute = "Adcp.Aot.Storage.PushNotificationConfigStoreAttribute";
    public const string AttributeName = "PushNotificationConfigStore";
    private const string ConfigType = "Adcp.Aot.Storage.PushConfig";

    /// <summary>The option that names each of <see cref="PushConfigTable.Columns"/>.</summary>
    private static readonly string[] Options =
    [
        "ScopeColumn", "TaskIdColumn", "ConfigIdColumn", "UrlColumn", "TokenColumn", "SchemeColumn", "CredentialsColumn", "IsActiveColumn",
        "UpdatedAtColumn",
    ];

    public static Parsed<PushConfigStoreModel> Parse(
        INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        if (StoreParser.IsBoth(type) || !ClassShape.Check(type, AttributeName, constructs: true, faults, cancellationToken)
            || StoreParser.Given(attribute, 0) is not string name)
        {
            return new(null, faults.ToImmutable());
        }

        AttributeSource source = new(attribute, cancellationToken);
        Dialect? own = StoreParser.DialectOf(attribute, source, faults);
        PushConfigTable table = new(
            name,
            StoreParser.Named(attribute, "ScopeColumn", "scope"),
            StoreParser.Named(attribute, "TaskIdColumn", "task_id"),
            StoreParser.Named(attribute, "ConfigIdColumn", "config_id"),
            StoreParser.Named(attribute, "UrlColumn", "url"),
            StoreParser.Named(attribute, "TokenColumn", "token"),
            StoreParser.Named(attribute, "SchemeColumn", "auth_scheme"),
            StoreParser.Named(attribute, "CredentialsColumn", "auth_credentials"),
            StoreParser.Named(attribute, "IsActiveColumn", "is_active"),
            StoreParser.Named(attribute, "UpdatedAtColumn", "updated_at"));
        ITypeSymbol? config = attribute.AttributeClass!.ContainingAssembly.GetTypeByMetadataName(ConfigType);
        IReadOnlyList<(StoreColumn Column, Location At)> extra =
            config is null ? [] : StoreParser.Columns(type, config, faults, cancellationToken);
        StoreParser.CheckNames(
            table.Name,
            table.Columns.Zip(Options, (name, option) => (name, source.Argument(option)))
                .Concat(extra.Select(static one => (one.Column.Name, one.At))),
            source,
            faults);

        INamedTypeSymbol? owner = StoreParser.Given(attribute, 1) as INamedTypeSymbol;
        AttributeData? tasks = owner?.GetAttributes()
            .FirstOrDefault(
                static candidate => candidate.AttributeClass?.OriginalDefinition.ToDisplayString() == StoreParser.TaskStoreType);
        if (tasks is null || StoreParser.Given(tasks, 0) is not string)
        {
            faults.Add(Diagnostic.Create(Rules.NotATaskStore, source.Argument(1), owner?.Name ?? "null"));
            return new(null, faults.ToImmutable());
        }

        Dialect theirs =
            (Dialect)(tasks.NamedArguments.FirstOrDefault(static argument => argument.Key == "Dialect").Value.Value as int? ?? 0);
        if (own is { } mine && mine != theirs)
        {
            faults.Add(Diagnostic.Create(
                Rules.OtherDialect,
                source.Argument("Dialect"),
                FixProperties.SetDialect(theirs.ToString()),
                type.Name,
                mine,
                owner!.Name,
                theirs));
        }

        if (faults.Count > 0 || own is not { } dialect)
        {
            return new(null, faults.ToImmutable());
        }

        EquatableArray<StoreColumn> columns = extra.Select(static one => one.Column).ToEquatableArray();
        PushConfigStoreModel model = new(TypeModel.Of(type), dialect, table, TaskStoreParser.Table(tasks), columns);
        ClassShape.CheckNames(type, AttributeName, PushConfigStoreGenerator.Members(model), faults);
        return new(faults.Count > 0 ? null : model, faults.ToImmutable());
    }
}
