using System.Collections.Immutable;
using System.Composition;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Formatting;
using Microsoft.CodeAnalysis.Simplification;

namespace Adcp.Aot.CodeFixes.Stores;

/// <summary>
/// Writes the members that a store's class must have: the contract of its tasks, their facts, and the methods of
/// computed columns.
/// </summary>
[ExportCodeFixProvider(LanguageNames.CSharp)]
[Shared]
public sealed class StoreCodeFix : CodeFixProvider
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } =
        [Rules.MissingContract.Id, Rules.MissingFacts.Id, Rules.WrongStoreMember.Id];

    /// <inheritdoc/>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <inheritdoc/>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic fault in context.Diagnostics)
        {
            TypeDeclarationSyntax? type = root?.FindNode(fault.Location.SourceSpan).FirstAncestorOrSelf<TypeDeclarationSyntax>();
            if (root is null || type is null || !fault.Properties.TryGetValue("saved", out string? saved)
                || !fault.Properties.TryGetValue("member", out string? member))
            {
                continue;
            }

            if (fault.Id == Rules.WrongStoreMember.Id && HasMember(type, member!))
            {
                continue;
            }

            string title = fault.Id == Rules.MissingContract.Id ? "Give the tasks' JsonTypeInfo"
                : fault.Id == Rules.MissingFacts.Id ? "Add the method that gives TaskFacts"
                : $"Add the method '{member}'";
            context.RegisterCodeFix(
                CodeAction.Create(title, cancellationToken =>
                    FixAsync(context.Document, root, type, fault.Id, member!, saved!, cancellationToken), title), fault);
        }
    }

    private static bool HasMember(TypeDeclarationSyntax type, string name) =>
        type.Members.OfType<MethodDeclarationSyntax>().Any(method => method.Identifier.ValueText == name);

    private static async Task<Document> FixAsync(
        Document document, SyntaxNode root, TypeDeclarationSyntax type, string id, string member, string saved,
        CancellationToken cancellationToken)
    {
        string text = id == Rules.MissingFacts.Id
                ? $"private static global::Adcp.Aot.Storage.TaskFacts FactsOf({saved} task) => throw new "
                + "global::System.NotImplementedException();"
            : id == Rules.WrongStoreMember.Id
                ? $"private static string? {member}({saved} saved) => throw new global::System.NotImplementedException();"
            : "";
        MemberDeclarationSyntax? context = null;
        if (id == Rules.MissingContract.Id)
        {
            string name = saved.Substring(saved.LastIndexOfAny(['.', ':']) + 1);
            string? known = await ContextOfAsync(document, saved, cancellationToken).ConfigureAwait(false);
            string contextName = type.Identifier.ValueText + "Json";
            text = $"private static global::System.Text.Json.Serialization.Metadata.JsonTypeInfo<{saved}> Contract "
                + $"=> {known ?? contextName}.Default.{name};";
            context = known is not null ? null : Parse(
                $"[global::System.Text.Json.Serialization.JsonSerializable(typeof({saved}))]\ninternal sealed partial "
                + $"class {contextName} : global::System.Text.Json.Serialization.JsonSerializerContext\n{{\n}}");
        }

        // A class without a body ends with a semicolon; a member needs braces.
        TypeDeclarationSyntax fixedType = type.OpenBraceToken.IsMissing || type.OpenBraceToken.IsKind(SyntaxKind.None)
            ? type.WithSemicolonToken(default)
                .WithOpenBraceToken(SyntaxFactory.Token(SyntaxKind.OpenBraceToken))
                .WithCloseBraceToken(SyntaxFactory.Token(SyntaxKind.CloseBraceToken))
                .WithAdditionalAnnotations(Formatter.Annotation)
            : type;
        fixedType = fixedType.WithMembers(fixedType.Members.Add(Parse(text)));
        SyntaxNode changed = context is null ? root.ReplaceNode(type, fixedType) : root.ReplaceNode(type, [fixedType, context]);
        return document.WithSyntaxRoot(changed);
    }

    private static MemberDeclarationSyntax Parse(string text) => SyntaxFactory.ParseMemberDeclaration(text)!
        .WithLeadingTrivia(SyntaxFactory.ElasticLineFeed)
        .WithTrailingTrivia(SyntaxFactory.ElasticLineFeed)
        .WithAdditionalAnnotations(Formatter.Annotation, Simplifier.Annotation);

    /// <summary>Finds a serializer context of the project that has the task already.</summary>
    private static async Task<string?> ContextOfAsync(Document document, string saved, CancellationToken cancellationToken)
    {
        Compilation? compilation = await document.Project.GetCompilationAsync(cancellationToken).ConfigureAwait(false);
        Stack<INamespaceOrTypeSymbol> open = new();
        if (compilation is not null)
        {
            open.Push(compilation.Assembly.GlobalNamespace);
        }

        while (open.Count > 0)
        {
            INamespaceOrTypeSymbol next = open.Pop();
            if (next is INamedTypeSymbol candidate && candidate.GetAttributes().Any(attribute =>
                attribute.AttributeClass?.ToDisplayString() == "System.Text.Json.Serialization.JsonSerializableAttribute"
                && attribute.ConstructorArguments.FirstOrDefault().Value is ITypeSymbol serialized
                && serialized.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat) == saved))
            {
                return candidate.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);
            }

            foreach (INamespaceOrTypeSymbol member in next.GetMembers().OfType<INamespaceOrTypeSymbol>())
            {
                open.Push(member);
            }
        }

        return null;
    }
}
