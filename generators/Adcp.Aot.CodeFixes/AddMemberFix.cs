using System.Collections.Immutable;
using System.Composition;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Formatting;

namespace Adcp.Aot.CodeFixes;

/// <summary>Adds the method that a computed column names, for its author to complete.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(AddMemberFix)), Shared]
public sealed class AddMemberFix : CodeFixProvider
{
    /// <summary>Gets ADCP006, for the case that no method has the name.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = [Rules.WrongMember.Id];

    /// <summary>
    /// Returns <c>null</c>: fixes are applied one at a time, because two columns may name one method.
    /// </summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <summary>Offers the change.</summary>
    /// <param name="context">The editor's context.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        if (root?.FindNode(context.Span).FirstAncestorOrSelf<TypeDeclarationSyntax>() is not { } type
            || !context.Diagnostics[0].Properties.TryGetValue(FixProperties.Member, out string? member)
            || !SyntaxFacts.IsValidIdentifier(member))
        {
            return;
        }

        MemberDeclarationSyntax method = SyntaxFactory
            .ParseMemberDeclaration($"private static string? {member}(DeliveryAttempt attempt) => throw new "
                + "System.NotImplementedException();")!
            .WithAdditionalAnnotations(Formatter.Annotation);
        context.RegisterCodeFix(
            CodeAction.Create(
                $"Add '{member}'", _ => Task.FromResult(
                    context.Document.WithSyntaxRoot(root.ReplaceNode(type, WithBraces(type).AddMembers(method)))), nameof(AddMemberFix)),
            context.Diagnostics);
    }

    /// <summary>Adds braces to a class that ends with a semicolon.</summary>
    private static TypeDeclarationSyntax WithBraces(TypeDeclarationSyntax type) => type.SemicolonToken.IsKind(SyntaxKind.None)
        ? type
        : type.WithSemicolonToken(default)
            .WithOpenBraceToken(SyntaxFactory.Token(SyntaxKind.OpenBraceToken))
            .WithCloseBraceToken(SyntaxFactory.Token(SyntaxKind.CloseBraceToken))
            .WithAdditionalAnnotations(Formatter.Annotation);
}
