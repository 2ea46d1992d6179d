using Adcp.Aot.Auditing;
using Adcp.Aot.Platform;
using Adcp.Aot.Storage;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Generators.Tests.Harness;

/// <summary>
/// A consumer's project in memory: its sources against the framework, Adcp.Aot, Adcp.Aot.Storage,
/// Adcp.Aot.Platform and, if asked, Npgsql.
/// </summary>
internal static class Compilations
{
    public static CSharpParseOptions Parse { get; } = new(LanguageVersion.Latest, DocumentationMode.Diagnose);

    private static readonly MetadataReference[] Framework =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(static path => Path.GetFileName(path) is var name
                && (name.StartsWith("System.", StringComparison.Ordinal) || name is "netstandard.dll" or "mscorlib.dll"))
            .Select(static path => (MetadataReference)MetadataReference.CreateFromFile(path)),
        MetadataReference.CreateFromFile(typeof(IDeliveryLogSink).Assembly.Location),
        MetadataReference.CreateFromFile(typeof(SqlDialect).Assembly.Location),
        MetadataReference.CreateFromFile(typeof(IAdcpPlatform).Assembly.Location),
        MetadataReference.CreateFromFile(typeof(ILogger).Assembly.Location),
    ];

    private static readonly MetadataReference Npgsql =
        MetadataReference.CreateFromFile(typeof(global::Npgsql.NpgsqlConnection).Assembly.Location);

    public static CSharpCompilation Of(
        string source, bool npgsql = false, LanguageVersion language = LanguageVersion.Latest) => CSharpCompilation.Create(
        "Consumer",
        [CSharpSyntaxTree.ParseText(source, Parse.WithLanguageVersion(language), path: "Consumer.cs")],
        npgsql ? [.. Framework, Npgsql] : Framework,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable)
            .WithSpecificDiagnosticOptions([new("CS1591", ReportDiagnostic.Suppress), new("CS1701", ReportDiagnostic.Suppress),
                new("CS1702", ReportDiagnostic.Suppress)]));
}
