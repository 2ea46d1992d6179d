using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Generates an <c>ITaskStore</c> from <c>[TaskStore]</c>.</summary>
[Generator(LanguageNames.CSharp)]
public sealed partial class TaskStoreGenerator : IIncrementalGenerator
{
    /// <summary>The step that cache tests watch.</summary>
    internal const string Step = "TaskStore";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<TaskStoreModel> stores = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                TaskStoreParser.Attribute,
                static (node, _) => StoreParser.IsClass(node),
                static (source, cancellationToken) =>
                TaskStoreParser.Parse((INamedTypeSymbol)source.TargetSymbol, source.Attributes[0], cancellationToken).Model)
            .Where(static model => model is not null)
            .Select(static (model, _) => model!)
            .WithTrackingName(Step);
        context.RegisterSourceOutput(stores, static (output, model) =>
            output.AddSource(model.Type.HintName + ".TaskStore.g.cs", Write(model)));
    }
}
