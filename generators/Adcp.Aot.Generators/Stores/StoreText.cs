using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Stores;

/// <summary>
/// The text that both stores have in common. The class has the public members; the nested class <c>AdcpStore</c>
/// does their work.
/// </summary>
internal static class StoreText
{
    /// <summary>The members of <see cref="Constructor"/>.</summary>
    public static IEnumerable<GeneratedMember> Members(Dialect dialect, string options) =>
    [
        GeneratedMember.Other("_adcpStore"),
        GeneratedMember.Other("AdcpStore"),
        dialect == Dialect.Any
            ? GeneratedMember.New(Global.DbDataSource, Global.SqlDialect, options)
            : GeneratedMember.New(Global.DbDataSource, options),
        GeneratedMember.Method("CreateIfAbsentAsync", Global.CancellationToken),
    ];

    /// <summary>Writes the field, the constructor and <c>CreateIfAbsentAsync</c>.</summary>
    public static void Constructor(
        IndentedWriter text, TypeModel type, Dialect dialect, EquatableArray<StoreColumn> extra, string options, bool optionsRequired)
    {
        string chosen = dialect == Dialect.Any ? "dialect" : $"{Global.SqlDialect}.{dialect}";
        text.Line(
            $$"""
            {{GeneratedFile.GeneratedCode}}
            private readonly AdcpStore _adcpStore;

            /// <summary>Creates the store. <c>CreateIfAbsentAsync</c> creates its table.</summary>
            /// <param name="source">Opens connections. The caller disposes it.</param>
            """);
        if (dialect == Dialect.Any)
        {
            text.Line("/// <param name=\"dialect\">The SQL dialect of the database.</param>");
        }

        text.Line(
            $$"""
            /// <param name="options">The options of the store{{(optionsRequired ? "" : "; null for the defaults")}}.</param>
            {{GeneratedFile.Uncovered}}
            public {{type.Name}}(
                {{Global.DbDataSource}} source,
            """);
        if (dialect == Dialect.Any)
        {
            text.Line($"    {Global.SqlDialect} dialect,");
        }

        string owner = NeedsOwner(extra) ? "this, " : "";
        string given = optionsRequired ? "options" : "options ?? new()";
        text.Line($"    {options}{(optionsRequired ? " options" : "? options = null")})");
        using (text.Open())
        {
            if (optionsRequired)
            {
                text.Line($"{Global.ArgumentNullException}.ThrowIfNull(options);");
            }

            text.Line($"_adcpStore = new AdcpStore({owner}new {Global.StoreDatabase}(source, {chosen}), {given});");
        }

        text.Line(
            $$"""

            /// <summary>Creates the table and its indexes if they are absent.</summary>
            /// <param name="cancellationToken">Ends the call.</param>
            {{GeneratedFile.Uncovered}}
            public {{Global.ValueTask}} CreateIfAbsentAsync({{Global.CancellationToken}} cancellationToken = default) =>
                _adcpStore.CreateIfAbsentAsync(cancellationToken);
            """);
    }

    /// <summary>Opens the nested class, and writes the fields of both stores.</summary>
    public static IndentedWriter.Block Store(
        IndentedWriter text, TypeModel type, Dialect dialect, EquatableArray<StoreColumn> extra, string table, string[] key, string options)
    {
        string owner = NeedsOwner(extra) ? $"\n    {type.FullName} store," : "";
        string names = string.Join(", ", key.Select(Literal.Of));
        string parameters = $"{owner}\n    {Global.StoreDatabase} database,\n    {options} options";
        text.Line().Line("/// <summary>The work of the store.</summary>").Line(GeneratedFile.Uncovered);
        IndentedWriter.Block block = text.Open($"private sealed class AdcpStore({parameters})");
        if (dialect == Dialect.Any)
        {
            text.Line(
                $$"""
                private readonly Statements _sql = database.Dialect switch
                {
                    {{Global.SqlDialect}}.Sqlite => Statements.Sqlite,
                    {{Global.SqlDialect}}.PostgreSql => Statements.PostgreSql,
                    _ => Statements.MySql,
                };
                """);
        }
        else
        {
            text.Line($"private readonly Statements _sql = Statements.{dialect};");
        }

        text.Line(
            $$"""

            public {{Global.ValueTask}} CreateIfAbsentAsync({{Global.CancellationToken}} cancellationToken) =>
                database.CreateIfAbsentAsync({{Literal.Of(table)}}, _sql.Define, [{{names}}], cancellationToken);
            """);
        return block;
    }

    /// <summary>Writes the nested class with the SQL, one instance for each dialect.</summary>
    public static void Statements(
        IndentedWriter text, Dialect choice, Func<Dialect, (string[] Define, (string Name, string Sql)[] Others)> of)
    {
        text.Line("/// <summary>The SQL. Its names are the attribute's, and every value is a parameter.</summary>");
        using (text.Open("private sealed class Statements"))
        {
            Dialect[] dialects = SqlText.DialectsOf(choice);
            text.Line("public required string[] Define { get; init; }").Line();
            foreach ((string name, _) in of(dialects[0]).Others)
            {
                text.Line($"public required string {name} {{ get; init; }}").Line();
            }

            for (int i = 0; i < dialects.Length; i++)
            {
                WriteDialect(text, dialects[i], of(dialects[i]));
                if (i + 1 < dialects.Length)
                {
                    text.Line();
                }
            }
        }
    }

    /// <summary>Writes the bindings of computed columns.</summary>
    public static void BindExtra(IndentedWriter text, TypeModel type, EquatableArray<StoreColumn> extra, string saved)
    {
        foreach (StoreColumn column in extra)
        {
            string target = column.IsStatic ? type.FullName : "store";
            string arguments = (column.TakesScope ? "scope, " : "") + saved;
            text.Line($"command.Bind({Literal.Of(StoreSql.Parameter(column))}, {target}.{Literal.Name(column.Member)}({arguments}));");
        }
    }

    private static bool NeedsOwner(EquatableArray<StoreColumn> extra) => extra.Any(static column => !column.IsStatic);

    private static void WriteDialect(IndentedWriter text, Dialect dialect, (string[] Define, (string Name, string Sql)[] Others) statements)
    {
        using (text.Open($"public static Statements {dialect} {{ get; }} = new Statements", "};"))
        {
            text.Line("Define =");
            text.Line("[");
            using (text.Indent())
            {
                foreach (string statement in statements.Define)
                {
                    text.Line(Raw(statement) + ",");
                }
            }

            text.Line("],");
            foreach ((string name, string sql) in statements.Others)
            {
                string value = sql.Contains('\n') || sql.Length > 100 ? "\n    " + Raw(sql).Replace("\n", "\n    ") : " " + Literal.Of(sql);
                text.Line($"{name} ={value},");
            }
        }
    }

    /// <summary>
    /// Returns a statement of several lines, or a long one, as a raw string. A raw string cannot begin with a line end.
    /// </summary>
    private static string Raw(string sql) => sql.StartsWith("\n", StringComparison.Ordinal) || !(sql.Contains('\n') || sql.Contains('"'))
        ? Literal.Of(sql)
        : "\"\"\"\n" + sql + "\n\"\"\"";
}
