using System.Collections.Immutable;
using Adcp.Aot.Generators.DeliveryLogs;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Platforms;
using Adcp.Aot.Generators.Stores;
using Adcp.Aot.Generators.Tests.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Adcp.Aot.Generators.Tests.Names;

/// <summary>
/// A consumer of one generator, whose own code has full names only, so that types and members of any name can be
/// put beside it. <c>Subject</c> is the attributed class.
/// </summary>
internal sealed record Consumer(string Name, string Attributes, string Members, string Types = "")
{
    private const string Log = "global::Adcp.Aot.Auditing.";
    private const string Store = "global::Adcp.Aot.Storage.";
    private const string Json = "global::System.Text.Json.Serialization.";
    private const string Tenant = "[" + Log + "DeliveryLogColumn(\"tenant\", \"TenantOf\")]";
    private const string TenantOf = "private string TenantOf(" + Log + "DeliveryAttempt attempt) => \"\";";

    private const string Contract =
        "private static " + Json + "Metadata.JsonTypeInfo<global::Goods.Job> Contract => null!; "
        + "private static " + Store + "TaskFacts FactsOf(global::Goods.Job job) => default; "
        + "private string OwnerOf(" + Store + "StoreScope scope, global::Goods.Job job) => \"\";";

    private const string Goods =
        """
        namespace Goods
        {
            public sealed class Job { }

            public abstract class JobJson : global::System.Text.Json.Serialization.JsonSerializerContext
            {
                protected JobJson() : base(null) { }

                public static JobJson Default => null!;
            }

            public sealed class Sink : global::Adcp.Aot.Auditing.IDeliveryLogSink
            {
                public global::System.Threading.Tasks.ValueTask RecordAsync(
                    global::System.ReadOnlyMemory<global::Adcp.Aot.Auditing.DeliveryAttempt> attempts,
                    global::System.Threading.CancellationToken cancellationToken) => default;
            }

            [global::Adcp.Aot.Storage.TaskStore<Job>("jobs")]
            public sealed partial class Jobs
            {
                private static global::System.Text.Json.Serialization.Metadata.JsonTypeInfo<Job> Contract => null!;

                private static global::Adcp.Aot.Storage.TaskFacts FactsOf(Job job) => default;
            }
        }
        """;

    private static readonly Consumer[] Consumers =
    [
        new("SqlLog", $"[global::Adcp.Aot.Storage.SqlDeliveryLog(\"log\", Principal = \"tenant\")] {Tenant}", TenantOf),
        new(
            "PostgreSqlLog",
            $"[global::Adcp.Aot.Storage.SqlDeliveryLog(\"log\", Dialect = global::Adcp.Aot.Storage.SqlDialect.PostgreSql)] {Tenant}",
            TenantOf.Replace("private", "private static", StringComparison.Ordinal)),
        new("JsonLinesLog", $"[{Log}JsonLinesDeliveryLog] {Tenant}", TenantOf),
        new("LoggerLog", $"[{Log}LoggerDeliveryLog] {Tenant}", TenantOf),
        new("FanOutLog", $"[{Log}FanOutDeliveryLog(typeof(global::Goods.Sink), typeof({Log}LoggerDeliveryLogSink))]", ""),
        new("TaskStore", $"[{Store}TaskStore<global::Goods.Job>(\"jobs\")] [{Store}StoreColumn(\"owner\", \"OwnerOf\")]", Contract),
        new(
            "PushConfigStore",
            $"[{Store}PushNotificationConfigStore(\"hooks\", typeof(global::Goods.Jobs))] [{Store}StoreColumn(\"host\", \"HostOf\")]",
            $"private static string HostOf({Store}PushConfig config) => \"\";"),
        new(
            "Platform",
            "[global::Adcp.Aot.Platform.AdcpPlatform(typeof(global::Goods.JobJson))]",
            """
            [global::Adcp.Aot.Platform.AdcpTool("get_products")]
            private static global::System.Threading.Tasks.Task<global::Goods.Job> GetAsync(global::Goods.Job job) => null!;

            [global::Adcp.Aot.Platform.AdcpTool("create_media_buy", Description = "Buys.")]
            private global::System.Threading.Tasks.ValueTask<global::Adcp.Aot.Platform.ToolOutcome<global::Goods.Job>> CreateAsync(
                global::Adcp.Aot.Platform.ToolCall call, global::System.Threading.CancellationToken cancellationToken) => default;
            """),
    ];

    private static readonly Dictionary<string, Lazy<(Compilation Output, IReadOnlyList<SyntaxTree> Generated)>> PlainRuns =
        Consumers.ToDictionary(
            static consumer => consumer.Name,
            static consumer => new Lazy<(Compilation, IReadOnlyList<SyntaxTree>)>(() => Generate(consumer.Source())));

    public static IEnumerable<string> Names => Consumers.Select(static consumer => consumer.Name);

    public static Consumer Of(string name) => Consumers.Single(consumer => consumer.Name == name);

    /// <summary>A consumer without anything beside it, and its generated code.</summary>
    public static (Compilation Output, IReadOnlyList<SyntaxTree> Generated) Plain(string name) => PlainRuns[name].Value;

    /// <summary>The source, with members in the class, types in its namespace, text before everything, and a base class.</summary>
    public string Source(
        string members = "",
        string types = "",
        string first = "",
        string bases = "",
        string head = "public sealed partial class",
        string name = "Subject") =>
        $$"""
        #nullable enable
        {{first}}
        {{Goods}}
        namespace Shop
        {
            {{types}}

            {{Attributes}}
            {{head}} {{name}} {{bases}}
            {
                {{Members}}
                {{members}}
            }
        }
        """;

    /// <summary>Runs all generators, as a project does.</summary>
    public static (Compilation Output, IReadOnlyList<SyntaxTree> Generated) Generate(
        string source, LanguageVersion language = LanguageVersion.Latest)
    {
        CSharpCompilation compilation = Compilations.Of(source, npgsql: true, language);
        GeneratorDriver driver = CSharpGeneratorDriver.Create(
            [
                new DeliveryLogGenerator().AsSourceGenerator(),
                new TaskStoreGenerator().AsSourceGenerator(),
                new PushConfigStoreGenerator().AsSourceGenerator(),
                new PlatformGenerator().AsSourceGenerator(),
            ],
            parseOptions: Compilations.Parse.WithLanguageVersion(language));
        driver = driver.RunGeneratorsAndUpdateCompilation(compilation, out Compilation output, out _, CancellationToken.None);
        IEnumerable<SyntaxTree> ofShop = driver.GetRunResult().GeneratedTrees
            .Where(static tree => !Path.GetFileName(tree.FilePath).StartsWith("Goods", StringComparison.Ordinal));
        return (output, [.. ofShop]);
    }

    /// <summary>Errors, and warnings in generated code, of the whole compilation down to the instructions.</summary>
    public static string Problems(Compilation output)
    {
        using MemoryStream assembly = new();
        return string.Join(
            "\n",
            output.Emit(assembly, cancellationToken: CancellationToken.None).Diagnostics
                .Where(static problem => problem.Severity == DiagnosticSeverity.Error
                    || (problem.Severity == DiagnosticSeverity.Warning
                        && problem.Location.SourceTree?.FilePath.EndsWith(".g.cs", StringComparison.Ordinal) == true))
                .Select(static problem => problem.ToString()));
    }

    /// <summary>The reports of all analyzers about a compilation with its generated code.</summary>
    public static async Task<IReadOnlyList<Diagnostic>> ReportsAsync(Compilation output)
    {
        ImmutableArray<DiagnosticAnalyzer> analyzers = [new DeliveryLogAnalyzer(), new StoreAnalyzer(), new PlatformAnalyzer()];
        return await output.WithAnalyzers(analyzers).GetAnalyzerDiagnosticsAsync(CancellationToken.None);
    }

    /// <summary>The generated members of the class, as <see cref="GeneratedMember.ToString"/> writes them.</summary>
    public static HashSet<string> GeneratedMembers(Compilation output, SyntaxTree generated)
    {
        SemanticModel model = output.GetSemanticModel(generated);
        ClassDeclarationSyntax subject =
            generated.GetRoot(CancellationToken.None).DescendantNodes().OfType<ClassDeclarationSyntax>().First();
        HashSet<string> members = [];
        foreach (MemberDeclarationSyntax member in subject.Members)
        {
            SyntaxNode declared = member is FieldDeclarationSyntax field ? field.Declaration.Variables[0] : member;
            ISymbol symbol = model.GetDeclaredSymbol(declared)!;
            bool isExplicit = symbol.Name.StartsWith("global::", StringComparison.Ordinal);
            members.Add(symbol is IMethodSymbol method && !isExplicit ? $"{method.Name}({Parameters(method)})" : symbol.Name);
            if (symbol is IPropertySymbol && !isExplicit)
            {
                members.Add($"get_{symbol.Name}()");
            }
        }

        return members;
    }

    /// <summary>Every identifier in generated code, of types, members, parameters and locals.</summary>
    public static HashSet<string> Identifiers(IEnumerable<SyntaxTree> generated) =>
    [
        .. generated.SelectMany(static tree => tree.GetRoot(CancellationToken.None).DescendantTokens())
            .Where(static token => token.IsKind(SyntaxKind.IdentifierToken)).Select(static token => token.ValueText),
        "_", "var", "nameof", "async", "await", "dynamic", "notnull", "unmanaged", "value", "field", "get", "set", "when", "where",
            "partial", "not", "or", "and",
    ];

    private static string Parameters(IMethodSymbol method) =>
        string.Join(
            ", ", method.Parameters.Select(static parameter => parameter.Type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)));
}
