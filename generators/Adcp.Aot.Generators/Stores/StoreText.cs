using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Stores;

/// <summary>What the text of both stores has in common.</summary>
internal static class StoreText
{
    /// <summary>Fields and the constructor.</summary>
    public static void Constructor(IndentedWriter text, TypeModel type, Dialect dialect, string table, string options, bool optionsRequired)
    {
        string parameters = dialect == Dialect.Any ? "DbDataSource source, SqlDialect dialect, " : "DbDataSource source, ";
        string chosen = dialect == Dialect.Any ? "dialect" : "SqlDialect." + dialect;
        text.Line("private readonly StoreDatabase _database;");
        text.Line($"private readonly {options} _options;");
        text.Line("private readonly Statements _sql;").Line();
        text.Line("/// <summary>Creates the store; the table is <see cref=\"CreateIfAbsentAsync\"/>'s.</summary>");
        text.Line("/// <param name=\"source\">Opens connections; it stays yours to dispose.</param>");
        if (dialect == Dialect.Any)
        {
            text.Line("/// <param name=\"dialect\">The SQL that they speak.</param>");
        }

        text.Line($"/// <param name=\"options\">How the store behaves{(optionsRequired ? "" : "; null for the defaults")}.</param>");
        using (text.Open($"public {type.Name}({parameters}{options}{(optionsRequired ? " options" : "? options = null")})"))
        {
            if (optionsRequired)
            {
                text.Line("ArgumentNullException.ThrowIfNull(options);");
            }

            text.Line($"_database = new StoreDatabase(source, {chosen});");
            text.Line(optionsRequired ? "_options = options;" : $"_options = options ?? new {options}();");
            if (dialect == Dialect.Any)
            {
                using (text.Open("_sql = dialect switch", "};"))
                {
                    text.Line("SqlDialect.Sqlite => Statements.Sqlite,");
                    text.Line("SqlDialect.PostgreSql => Statements.PostgreSql,");
                    text.Line("_ => Statements.MySql,");
                }
            }
            else
            {
                text.Line($"_sql = Statements.{dialect};");
            }
        }

        text.Line();
        text.Line("/// <summary>Creates table and indexes where they are absent.</summary>");
        text.Line("/// <param name=\"cancellationToken\">Ends the call.</param>");
        text.Line("public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) =>");
        using (text.Indent())
        {
            text.Line($"_database.CreateIfAbsentAsync({Literal.Of(table)}, _sql.Define, cancellationToken);");
        }
    }

    /// <summary>The nested class with the SQL, one instance for each dialect.</summary>
    public static void Statements(IndentedWriter text, Dialect choice, Func<Dialect, (string[] Define, (string Name, string Sql)[] Others)> of)
    {
        text.Line("/// <summary>The SQL. No name in it comes from anywhere but the attribute, and every value is a parameter.</summary>");
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
                (string[] define, (string Name, string Sql)[] others) = of(dialects[i]);
                using (text.Open($"public static Statements {dialects[i]} {{ get; }} = new()", "};"))
                {
                    text.Line("Define =");
                    text.Line("[");
                    using (text.Indent())
                    {
                        foreach (string statement in define)
                        {
                            text.Line(Raw(statement) + ",");
                        }
                    }

                    text.Line("],");
                    foreach ((string name, string sql) in others)
                    {
                        text.Line(sql.Contains('\n') ? $"{name} =\n    {Raw(sql).Replace("\n", "\n    ")}," : $"{name} = {Literal.Of(sql)},");
                    }
                }

                if (i + 1 < dialects.Length)
                {
                    text.Line();
                }
            }
        }
    }

    /// <summary>The bindings of computed columns.</summary>
    public static void BindExtra(IndentedWriter text, EquatableArray<StoreColumn> extra, string saved)
    {
        foreach (StoreColumn column in extra)
        {
            text.Line($"command.Bind({Literal.Of(StoreSql.Parameter(column))}, {Literal.Name(column.Member)}({(column.TakesScope ? "scope, " : "")}{saved}));");
        }
    }

    private static string Raw(string sql) => sql.StartsWith("\n", StringComparison.Ordinal) || !sql.Contains('\n')
        ? Literal.Of(sql)
        : "\"\"\"\n" + sql + "\n\"\"\"";
}
