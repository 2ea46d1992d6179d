using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Generates an <c>IPushNotificationConfigStore</c> from <c>[PushNotificationConfigStore]</c>.</summary>
[Generator(LanguageNames.CSharp)]
public sealed partial class PushConfigStoreGenerator : IIncrementalGenerator
{
    /// <summary>The step that cache tests watch.</summary>
    internal const string Step = "PushNotificationConfigStore";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<PushConfigStoreModel> stores = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                PushConfigStoreParser.Attribute,
                static (node, _) => StoreParser.IsClass(node),
                static (source, cancellationToken) =>
                PushConfigStoreParser.Parse((INamedTypeSymbol)source.TargetSymbol, source.Attributes[0], cancellationToken).Model)
            .Where(static model => model is not null)
            .Select(static (model, _) => model!)
            .WithTrackingName(Step);
        context.RegisterSourceOutput(stores, static (output, model) =>
            output.AddSource(model.Type.HintName + ".PushConfigStore.g.cs", Write(model)));
    }
}
