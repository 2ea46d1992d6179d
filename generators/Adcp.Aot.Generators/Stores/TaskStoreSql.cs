using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using static Adcp.Aot.Generators.Stores.StoreSql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>The statements of a task store in one dialect. All but the purge name the scope first.</summary>
internal sealed class TaskStoreSql(Dialect dialect, TaskTable table, EquatableArray<StoreColumn> extra)
{
    public const string CountEnd = "\n    LIMIT @limit\n) AS counted";

    private static readonly string[] Suffixes = ["_by_update", "_by_context", "_by_state", "_by_age"];

    private string Table => Q(table.Name);

    private string Row => $"{Same(dialect, table.Scope, "@scope")} AND {Same(dialect, table.TaskId, "@task_id")}";

    /// <summary>The task's JSON. SQLite gets it as bytes.</summary>
    private string TaskParameter => dialect == Dialect.Sqlite ? "CAST(@task AS TEXT)" : "@task";

    public IEnumerable<string> Define()
    {
        string[] keys =
        [
            $"{Q(table.Scope)}, {Q(table.UpdatedAt)}, {Q(table.TaskId)}",
            $"{Q(table.Scope)}, {Q(table.ContextId)}, {Q(table.UpdatedAt)}, {Q(table.TaskId)}",
            $"{Q(table.Scope)}, {Q(table.State)}, {Q(table.UpdatedAt)}, {Q(table.TaskId)}",
            $"{Q(table.IsTerminal)}, {Q(table.UpdatedAt)}",
        ];
        string[] names = [.. Suffixes.Select(suffix => Q(IndexName(table.Name, suffix)))];
        List<string> lines =
        [
            $"{Q(table.Scope)} {KeyType(dialect, ScopeBytes)} NOT NULL",
            $"{Q(table.TaskId)} {KeyType(dialect, TaskIdBytes)} NOT NULL",
            $"{Q(table.ContextId)} {KeyType(dialect, TaskIdBytes)} NULL",
            $"{Q(table.State)} {KeyType(dialect, StateBytes)} NOT NULL",
            $"{Q(table.IsTerminal)} {TypeName(dialect, StoredType.Boolean)} NOT NULL",
            $"{Q(table.Version)} {TypeName(dialect, StoredType.BigInt)} NOT NULL",
            $"{Q(table.UpdatedAt)} {TypeName(dialect, StoredType.BigInt)} NOT NULL",
            $"{Q(table.Task)} {TypeName(dialect, StoredType.Text)} NOT NULL",
            .. Definitions(dialect, extra),
            $"PRIMARY KEY ({Q(table.Scope)}, {Q(table.TaskId)})",
        ];

        // MySQL has no CREATE INDEX IF NOT EXISTS.
        if (dialect == Dialect.MySql)
        {
            lines.AddRange(keys.Zip(names, static (key, name) => $"INDEX {name} ({key})"));
        }

        yield return Lines($"CREATE TABLE IF NOT EXISTS {Table} (", ListOnLines(lines), ")" + SqlText.TableOptions(dialect));
        if (dialect != Dialect.MySql)
        {
            for (int i = 0; i < keys.Length; i++)
            {
                yield return $"CREATE INDEX IF NOT EXISTS {names[i]} ON {Table} ({keys[i]})";
            }
        }
    }

    public string Get() => Lines(
        $"SELECT {Q(table.Version)}, {Q(table.UpdatedAt)}, {Q(table.Task)}",
        $"FROM {Table}",
        $"WHERE {Row}");

    public string Insert()
    {
        string columns = Comma(table.Columns.Concat(extra.Select(static column => column.Name)).Select(Q));
        string values =
            Comma(["@scope", "@task_id", "@context_id", "@state", "@is_terminal", "1", "@now", TaskParameter, .. extra.Select(Parameter)]);
        string insert = Lines($"INSERT INTO {Table} ({columns})", $"VALUES ({values})");
        return dialect == Dialect.MySql ? insert : Lines(insert, $"ON CONFLICT ({Q(table.Scope)}, {Q(table.TaskId)}) DO NOTHING");
    }

    public string Update() => Lines(
        $"UPDATE {Table}",
        "SET " + string.Join(
            ",\n    ",
            [
                $"{Q(table.ContextId)} = @context_id",
                $"{Q(table.State)} = @state",
                $"{Q(table.IsTerminal)} = @is_terminal",
                $"{Q(table.Version)} = {Q(table.Version)} + 1",
                Later(dialect, table.UpdatedAt),
                $"{Q(table.Task)} = {TaskParameter}",
                .. extra.Select(column => $"{Q(column.Name)} = {Parameter(column)}"),
            ]),
        $"WHERE {Row}",
        $"    AND {Q(table.Version)} = @expected_version AND {Q(table.IsTerminal)} = FALSE");

    public string Explain() => Lines(
        $"SELECT {Q(table.Version)}, {Q(table.IsTerminal)}, {Q(table.Task)}",
        $"FROM {Table}",
        $"WHERE {Row}");

    public string Delete() => Lines($"DELETE FROM {Table}", $"WHERE {Row}");

    public string List() => Lines(
        $"SELECT {Q(table.Version)}, {Q(table.UpdatedAt)}, {Q(table.Task)}",
        $"FROM {Table}",
        $"WHERE {Same(dialect, table.Scope, "@scope")}");

    public string InContext() => $" AND {Same(dialect, table.ContextId, "@context_id")}";

    public string InState() => $" AND {Same(dialect, table.State, "@state")}";

    public string Since() => $" AND {Q(table.UpdatedAt)} >= @since";

    /// <summary>
    /// Returns the condition for rows strictly after the last row of the page before, in the order of the list. The
    /// first half can use an index.
    /// </summary>
    public string After() =>
        $" AND {Q(table.UpdatedAt)} <= @after_time AND ({Q(table.UpdatedAt)} < @after_time OR {Q(table.TaskId)} "
        + $"< {KeyParameter("@after_id")})";

    public string Page() => $"\nORDER BY {Q(table.UpdatedAt)} DESC, {Q(table.TaskId)} DESC\nLIMIT @limit";

    public string Count() =>
        Lines("SELECT COUNT(*) FROM (", $"    SELECT 1 AS one FROM {Table}", $"    WHERE {Same(dialect, table.Scope, "@scope")}");

    public string Purge()
    {
        string old = $"{Q(table.IsTerminal)} = @is_terminal AND {Q(table.UpdatedAt)} < @before";
        string some = $"FROM {Table} WHERE {old} ORDER BY {Q(table.UpdatedAt)} LIMIT @limit";
        return dialect switch
        {
            Dialect.Sqlite => Lines($"DELETE FROM {Table}", $"WHERE rowid IN (SELECT rowid {some})"),

            // Rows that another transaction has locked are left for the next batch.
            Dialect.PostgreSql =>
                Lines($"DELETE FROM {Table}", "WHERE ctid = ANY (ARRAY(", $"    SELECT ctid {some}", "    FOR UPDATE SKIP LOCKED))"),
            _ => Lines("DELETE " + some),
        };
    }

    /// <summary>
    /// Returns a parameter for an order: compared with MySQL's binary key, text would be compared by its own collation.
    /// </summary>
    private string KeyParameter(string parameter) => dialect == Dialect.MySql ? $"CAST({parameter} AS BINARY)" : parameter;

    private string Q(string name) => SqlText.Quote(dialect, name);
}
