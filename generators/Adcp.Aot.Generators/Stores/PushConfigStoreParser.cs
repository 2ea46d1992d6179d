using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Reads <c>[PushNotificationConfigStore]</c> and the task store that it names.</summary>
internal static class PushConfigStoreParser
{
    public const string Attribute = "Adcp.Aot.Storage.A2A.PushNotificationConfigStoreAttribute";
    public const string AttributeName = "PushNotificationConfigStore";
    private const string TaskStoreType = "Adcp.Aot.Storage.A2A.TaskStoreAttribute<TTask>";
    private const string ConfigType = "Adcp.Aot.Storage.A2A.PushConfig";

    public static Parsed<PushConfigStoreModel> Parse(
        INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        if (!ClassShape.Check(type, AttributeName, faults, cancellationToken) || StoreParser.Given(attribute, 0) is not string name)
        {
            return new(null, faults.ToImmutable());
        }

        Location at = StoreParser.At(attribute, type, cancellationToken);
        Dialect? own = StoreParser.DialectOf(attribute, at, faults);
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
        IReadOnlyList<StoreColumn> extra = config is null ? [] : StoreParser.Columns(type, config, faults, cancellationToken);
        StoreParser.CheckNames(table.Name, table.Columns.Concat(extra.Select(static column => column.Name)), at, faults);

        INamedTypeSymbol? owner = StoreParser.Given(attribute, 1) as INamedTypeSymbol;
        AttributeData? tasks = owner?.GetAttributes()
            .FirstOrDefault(static candidate => candidate.AttributeClass?.OriginalDefinition.ToDisplayString() == TaskStoreType);
        if (tasks is null || StoreParser.Given(tasks, 0) is not string)
        {
            faults.Add(Diagnostic.Create(Rules.NotATaskStore, at, owner?.Name ?? "null"));
            return new(null, faults.ToImmutable());
        }

        Dialect theirs = (Dialect)(tasks.NamedArguments.FirstOrDefault(static argument => argument.Key == "Dialect").Value.Value as int? ?? 0);
        if (own is { } mine && mine != theirs)
        {
            faults.Add(Diagnostic.Create(Rules.OtherDialect, at, type.Name, mine, owner!.Name, theirs));
        }

        PushConfigStoreModel? model = faults.Count > 0 || own is not { } dialect
            ? null
            : new PushConfigStoreModel(TypeModel.Of(type), dialect, table, TaskStoreParser.Table(tasks), extra.ToEquatableArray());
        return new(model, faults.ToImmutable());
    }
}
