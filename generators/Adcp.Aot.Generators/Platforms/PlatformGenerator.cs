using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>Emits the dispatch of a platform: one switch over the tools' names, no reflection.</summary>
[Generator(LanguageNames.CSharp)]
public sealed partial class PlatformGenerator : IIncrementalGenerator
{
    internal const string ModelStep = "Platform";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<PlatformModel> platforms = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                PlatformReader.Attribute,
                static (node, _) => node is TypeDeclarationSyntax,
                static (found, token) => PlatformReader.Read((INamedTypeSymbol)found.TargetSymbol, found.Attributes[0], token).Model)
            .Where(static model => model is not null)
            .Select(static (model, _) => model!)
            .WithTrackingName(ModelStep);
        context.RegisterSourceOutput(platforms, static (output, model) =>
            output.AddSource(model.Type.HintName + ".Platform.g.cs", Execute(model)));
    }
}
