using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using static Adcp.Aot.Generators.Stores.StoreSql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>The statements of a push-configuration store in one dialect. Each names the scope first.</summary>
internal sealed class PushConfigStoreSql(Dialect dialect, PushConfigTable table, TaskTable tasks, EquatableArray<StoreColumn> extra)
{
    private string Table => Q(table.Name);

    private string[] Key => [table.Scope, table.TaskId, table.ConfigId];

    private string OfTask => $"{Same(dialect, table.Scope, "@scope")} AND {Same(dialect, table.TaskId, "@task_id")}";

    private string Row => $"{OfTask}\n    AND {Same(dialect, table.ConfigId, "@config_id")}";

    private string Task =>
        $"SELECT 1 FROM {Q(tasks.Name)}\n        WHERE {Same(dialect, tasks.Scope, "@scope")}\n            "
        + $"AND {Same(dialect, tasks.TaskId, "@task_id")}";

    public IEnumerable<string> Define()
    {
        List<string> lines =
        [
            $"{Q(table.Scope)} {KeyType(dialect, ScopeBytes)} NOT NULL",
            $"{Q(table.TaskId)} {KeyType(dialect, TaskIdBytes)} NOT NULL",
            $"{Q(table.ConfigId)} {KeyType(dialect, ConfigIdBytes)} NOT NULL",
            $"{Q(table.Url)} {TypeName(dialect, StoredType.Text)} NOT NULL",
            $"{Q(table.Token)} {TypeName(dialect, StoredType.Text)} NULL",
            $"{Q(table.Scheme)} {TypeName(dialect, StoredType.Text)} NULL",
            $"{Q(table.Credentials)} {TypeName(dialect, StoredType.Text)} NULL",
            $"{Q(table.IsActive)} {TypeName(dialect, StoredType.Boolean)} NOT NULL",
            $"{Q(table.UpdatedAt)} {TypeName(dialect, StoredType.BigInt)} NOT NULL",
            .. Definitions(dialect, extra),
            $"PRIMARY KEY ({Q(table.Scope)}, {Q(table.TaskId)}, {Q(table.ConfigId)})",
            $"FOREIGN KEY ({Q(table.Scope)}, {Q(table.TaskId)}) REFERENCES {Q(tasks.Name)} ({Q(tasks.Scope)}, {Q(tasks.TaskId)}) ON "
            + "DELETE CASCADE",
        ];
        yield return Lines($"CREATE TABLE IF NOT EXISTS {Table} (", ListOnLines(lines), ")" + SqlText.TableOptions(dialect));
    }

    /// <summary>One statement decides: the task exists, and has room for one more or has this one already.</summary>
    public string Save()
    {
        string[] columns = [.. table.Columns, .. extra.Select(static column => column.Name)];
        string[] values =
        [
            "@scope", "@task_id", "@config_id", "@url", "@token", "@auth_scheme", "@auth_credentials", "@is_active", "@now",
            .. extra.Select(Parameter),
        ];
        string other = $"NOT ({Same(dialect, table.ConfigId, "@config_id")})";
        string room = $"SELECT COUNT(*) FROM {Table}\n        WHERE {OfTask}\n            AND {other}";
        string[] replaced = [.. columns.Skip(3).Where(column => column != table.UpdatedAt)];
        string insert = Lines(
            $"INSERT INTO {Table} ({Comma(columns.Select(Q))})",
            $"SELECT {Comma(values)}" + (dialect == Dialect.MySql ? " FROM DUAL" : ""),
            $"WHERE EXISTS ({Task})",
            $"    AND ({room}) < @max");
        return dialect == Dialect.MySql
            ? Lines(insert, "ON DUPLICATE KEY UPDATE", ListOnLines([.. replaced.Select(MySqlNew), Later(dialect, table.UpdatedAt)]))
            : Lines(
                insert,
                $"ON CONFLICT ({Comma(Key.Select(Q))}) DO UPDATE SET",
                ListOnLines(
                    [.. replaced.Select(column => $"{Q(column)} = excluded.{Q(column)}"), Qualified(Later(dialect, table.UpdatedAt))]),
                "WHERE " + string.Join("\n    AND ", Key.Select(IsExcluded)));
    }

    public string HasTask() => $"SELECT COUNT(*) FROM ({Task}) AS found";

    public string Get() => Lines(Select, $"WHERE {Row}");

    public string List() => Lines(Select, $"WHERE {OfTask}");

    public string OnlyActive() => $" AND {Q(table.IsActive)} = TRUE";

    public string InOrder() => $"\nORDER BY {Q(table.ConfigId)}";

    public string SetActive() =>
        Lines($"UPDATE {Table}", $"SET {Q(table.IsActive)} = @is_active, {Later(dialect, table.UpdatedAt)}", $"WHERE {Row}");

    public string Delete() => Lines($"DELETE FROM {Table}", $"WHERE {Row}");

    private string Select => Lines($"SELECT {Comma(Selected)}", $"FROM {Table}");

    private string[] Selected =>
    [
        StoreSql.Text(dialect, table.ConfigId), Q(table.Url), Q(table.Token), Q(table.Scheme), Q(table.Credentials), Q(table.IsActive),
    ];

    /// <summary>
    /// Qualifies a name: within ON CONFLICT a bare name could be the stored row's column or the refused one's, and
    /// PostgreSQL refuses it.
    /// </summary>
    private string Qualified(string later)
    {
        string column = Q(table.UpdatedAt);
        string stored = Q(table.Name.Substring(table.Name.IndexOf('.') + 1)) + "." + column;
        int set = later.IndexOf('=') + 1;
        return later.Substring(0, set) + later.Substring(set).Replace(column, stored);
    }

    /// <summary>
    /// Tells if the stored row has the key of the refused one to the byte: a key that ignores case would let one tenant
    /// replace the configuration of another.
    /// </summary>
    private string IsExcluded(string column)
    {
        string stored = $"{Q(table.Name.Substring(table.Name.IndexOf('.') + 1))}.{Q(column)}";
        string collation = dialect == Dialect.PostgreSql ? "\"C\"" : "BINARY";
        return $"{stored} COLLATE {collation} = excluded.{Q(column)}";
    }

    /// <summary>The same in MySQL, which has no condition here: the row keeps its value.</summary>
    private string MySqlNew(string column)
    {
        IEnumerable<string> same = Key.Select(name => $"CAST({Q(name)} AS BINARY) = CAST(VALUES({Q(name)}) AS BINARY)");
        return Lines(
            $"{Q(column)} = IF(",
            $"        {string.Join("\n            AND ", same)},",
            $"        VALUES({Q(column)}),",
            $"        {Q(column)})");
    }

    private string Q(string name) => SqlText.Quote(dialect, name);
}
