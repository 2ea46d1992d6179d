using System.Collections.Immutable;
using System.Composition;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.CodeFixes;

/// <summary>
/// Removes a second mapping of a column, a dialect that does not exist, or an option that does not fit.
/// </summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(RemoveFix)), Shared]
public sealed class RemoveFix : CodeFixProvider
{
    /// <summary>Gets ADCP004, ADCP007 and ADCP008.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } =
        [Rules.DuplicateColumn.Id, Rules.UnsupportedDialect.Id, Rules.OptionDoesNotFit.Id];

    /// <summary>
    /// Returns <c>null</c>: fixes are applied one at a time, because only one of two mappings is too many.
    /// </summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <summary>Offers the change.</summary>
    /// <param name="context">The editor's context.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        if (root?.FindNode(context.Span, getInnermostNodeForTie: true) is not { } found)
        {
            return;
        }

        // If an option of a store's attribute renames a column, the column has its own name without the option.
        AttributeArgumentSyntax? argument = found.FirstAncestorOrSelf<AttributeArgumentSyntax>();
        bool whole = context.Diagnostics[0].Id == Rules.DuplicateColumn.Id && argument?.NameEquals is null;
        SyntaxNode? superfluous = whole ? Whole(found.FirstAncestorOrSelf<AttributeSyntax>()) : Part(argument);
        if (superfluous is not null)
        {
            SyntaxNode changed = root.RemoveNode(superfluous, SyntaxRemoveOptions.KeepNoTrivia)!;
            context.RegisterCodeFix(
                CodeAction.Create(whole ? "Remove the mapping"
                    : "Remove the option", _ => Task.FromResult(context.Document.WithSyntaxRoot(changed)), nameof(RemoveFix)),
                context.Diagnostics);
        }
    }

    /// <summary>Returns the attribute, with its brackets if it is alone.</summary>
    private static SyntaxNode? Whole(AttributeSyntax? attribute) =>
        attribute?.Parent is AttributeListSyntax { Attributes.Count: 1 } list ? list : attribute;

    /// <summary>Returns the argument, with its parentheses if it is alone.</summary>
    private static SyntaxNode? Part(AttributeArgumentSyntax? argument) =>
        argument?.Parent is AttributeArgumentListSyntax { Arguments.Count: 1 } list ? list : argument;
}
