using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Text;

/// <summary>
/// Writes a statement as a member of a generated class: a constant for one dialect, or a choice by the field
/// <c>_dialect</c>.
/// </summary>
internal static class SqlStatement
{
    /// <summary>Writes the member.</summary>
    /// <param name="text">The file.</param>
    /// <param name="name">The member's name.</param>
    /// <param name="choice">The attribute's dialect.</param>
    /// <param name="sql">The statement in each dialect, of any number of lines.</param>
    public static void Write(IndentedWriter text, string name, Dialect choice, Func<Dialect, string> sql)
    {
        if (choice != Dialect.Any)
        {
            text.Line($"private const string {name} =");
            using (text.Indent())
            {
                text.Line("\"\"\"").Line(sql(choice)).Line("\"\"\";");
            }

            return;
        }

        using (text.Open($"private string {name} => _dialect switch", "};"))
        {
            foreach (Dialect dialect in SqlText.DialectsOf(choice))
            {
                text.Line(dialect == Dialect.MySql ? "_ =>" : $"{Global.SqlDialect}.{dialect} =>");
                using (text.Indent())
                {
                    text.Line("\"\"\"").Line(sql(dialect)).Line("\"\"\",");
                }
            }
        }
    }
}
