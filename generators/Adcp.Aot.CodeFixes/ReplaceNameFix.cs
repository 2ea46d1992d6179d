using System.Collections.Immutable;
using System.Composition;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.CodeFixes;

/// <summary>Replaces a name that is not a valid identifier, column or tool by the nearest valid one.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(ReplaceNameFix)), Shared]
public sealed class ReplaceNameFix : CodeFixProvider
{
    /// <summary>Gets ADCP003, ADCP005, ADCP071 and ADCP077.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } =
        [Rules.NotAnIdentifier.Id, Rules.UnknownColumn.Id, Rules.NotAToolName.Id, Rules.NearToolName.Id];

    /// <summary>Returns a fixer for every name of a document at once.</summary>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <summary>Offers the change.</summary>
    /// <param name="context">The editor's context.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        if (root?.FindNode(context.Span, getInnermostNodeForTie: true) is not ExpressionSyntax name
            || !context.Diagnostics[0].Properties.TryGetValue(FixProperties.Replacement, out string? replacement)
            || string.IsNullOrEmpty(replacement))
        {
            return;
        }

        ExpressionSyntax literal =
            SyntaxFactory.LiteralExpression(SyntaxKind.StringLiteralExpression, SyntaxFactory.Literal(replacement!)).WithTriviaFrom(name);
        context.RegisterCodeFix(
            CodeAction.Create(
                $"Use '{replacement}'",
                _ => Task.FromResult(context.Document.WithSyntaxRoot(root.ReplaceNode(name, literal))),
                nameof(ReplaceNameFix)),
            context.Diagnostics);
    }
}
