using System.Collections.Immutable;
using System.Composition;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Stores;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Formatting;
using Microsoft.CodeAnalysis.Simplification;

namespace Adcp.Aot.CodeFixes.Stores;

/// <summary>
/// Matches a store of push configurations with a task store: names one, gives both the same dialect, or splits one
/// class in two.
/// </summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(PushConfigStoreFix)), Shared]
public sealed class PushConfigStoreFix : CodeFixProvider
{
    private const string ShortName = "PushNotificationConfigStore";

    /// <summary>Gets ADCP044, ADCP045 and ADCP046.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } =
        [Rules.NotATaskStore.Id, Rules.OtherDialect.Id, Rules.TwoStores.Id];

    /// <summary>
    /// Returns <c>null</c>: fixes are applied one at a time, because the user chooses the task store.
    /// </summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <summary>Offers the change.</summary>
    /// <param name="context">The editor's context.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        SyntaxNode? found = root?.FindNode(context.Span, getInnermostNodeForTie: true);
        Diagnostic fault = context.Diagnostics[0];
        if (found?.FirstAncestorOrSelf<TypeDeclarationSyntax>() is not { } type)
        {
            return;
        }

        if (fault.Id == Rules.TwoStores.Id)
        {
            if (type.AttributeLists.SelectMany(static list => list.Attributes).FirstOrDefault(IsPushConfigStore) is { } moved)
            {
                Offer("Make a class of the push configurations", root!.ReplaceNode(type, Split(type, moved)));
            }
        }
        else if (found.FirstAncestorOrSelf<AttributeSyntax>() is not { } attribute)
        {
            return;
        }
        else if (fault.Id == Rules.OtherDialect.Id)
        {
            string dialect = fault.Properties[FixProperties.Dialect]!;
            Offer($"Give it the dialect of its tasks, {dialect}", root!.ReplaceNode(attribute, WithDialect(attribute, dialect)));
        }
        else if (found is ExpressionSyntax given)
        {
            foreach (string store in await TaskStoresAsync(context.Document, context.CancellationToken).ConfigureAwait(false))
            {
                ExpressionSyntax named = SyntaxFactory.TypeOfExpression(SyntaxFactory.ParseTypeName(store)
                    .WithAdditionalAnnotations(Simplifier.Annotation)).WithTriviaFrom(given);
                Offer($"Use the tasks of '{store.Substring(store.LastIndexOfAny(['.', ':']) + 1)}'", root!.ReplaceNode(given, named));
            }
        }

        void Offer(string title, SyntaxNode changed) =>
            context.RegisterCodeFix(CodeAction.Create(title, _ => Task.FromResult(context.Document.WithSyntaxRoot(changed)), title), fault);
    }

    private static bool IsPushConfigStore(AttributeSyntax attribute) =>
        attribute.Name.ToString() is string name
        && (name.EndsWith(ShortName, StringComparison.Ordinal) || name.EndsWith(ShortName + "Attribute", StringComparison.Ordinal));

    /// <summary>Returns the class without the attribute, and a second one with it.</summary>
    private static SyntaxNode[] Split(TypeDeclarationSyntax type, AttributeSyntax moved)
    {
        SyntaxNode superfluous = moved.Parent is AttributeListSyntax { Attributes.Count: 1 } list ? list : moved;
        TypeDeclarationSyntax tasks = type.RemoveNode(superfluous, SyntaxRemoveOptions.KeepLeadingTrivia)!;
        string modifiers = string.Concat(type.Modifiers.Select(static modifier => modifier.Text + " "));
        string name = type.Identifier.ValueText;
        AttributeArgumentListSyntax arguments = moved.ArgumentList!;
        AttributeArgumentSyntax[] positional = [.. arguments.Arguments.Where(static argument => argument.NameEquals is null)];
        if (positional.Length > 1)
        {
            arguments = arguments.ReplaceNode(positional[1].Expression, SyntaxFactory.ParseExpression($"typeof({name})"));
        }

        MemberDeclarationSyntax configs =
            SyntaxFactory.ParseMemberDeclaration($"[{moved.Name}{arguments}]\n{modifiers}class {name}PushConfigs;\n")!
            .WithLeadingTrivia(SyntaxFactory.ElasticLineFeed, SyntaxFactory.ElasticLineFeed)
            .WithAdditionalAnnotations(Formatter.Annotation);
        return [tasks, configs];
    }

    /// <summary>Returns the attribute with the dialect; without one for <c>Any</c>, its default.</summary>
    private static AttributeSyntax WithDialect(AttributeSyntax attribute, string dialect)
    {
        AttributeArgumentListSyntax arguments = attribute.ArgumentList!;
        AttributeArgumentSyntax? given =
            arguments.Arguments.FirstOrDefault(static argument => argument.NameEquals?.Name.Identifier.ValueText == "Dialect");
        if (dialect == "Any")
        {
            return given is null ? attribute : attribute.RemoveNode(given, SyntaxRemoveOptions.KeepNoTrivia)!;
        }

        ExpressionSyntax value = SyntaxFactory.ParseExpression($"global::Adcp.Aot.Storage.SqlDialect.{dialect}")
            .WithAdditionalAnnotations(Simplifier.Annotation);
        return given is not null
            ? attribute.ReplaceNode(given.Expression, value)
            : attribute.WithArgumentList(arguments.AddArguments(
                SyntaxFactory.AttributeArgument(value).WithNameEquals(SyntaxFactory.NameEquals("Dialect"))
                .WithAdditionalAnnotations(Formatter.Annotation)));
    }

    /// <summary>Returns the project's task stores.</summary>
    private static async Task<IReadOnlyList<string>> TaskStoresAsync(Document document, CancellationToken cancellationToken)
    {
        List<string> stores = [];
        if (await document.Project.GetCompilationAsync(cancellationToken).ConfigureAwait(false) is { } compilation)
        {
            foreach (INamedTypeSymbol type in compilation.GetSymbolsWithName(static _ => true, SymbolFilter.Type, cancellationToken)
                .OfType<INamedTypeSymbol>())
            {
                if (type.GetAttributes().Any(static attribute =>
                    attribute.AttributeClass?.OriginalDefinition.ToDisplayString() == StoreParser.TaskStoreType))
                {
                    stores.Add(type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat));
                }
            }
        }

        return stores;
    }
}
