using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// The SQL of <see cref="SqlIdempotencyStore"/>. Leases follow the database's clock. Every statement may run again after its answer was
/// lost: it finds the owner's own row, which shows that it had succeeded.
/// </summary>
internal sealed class RequestStatements
{
    internal const string Table = "adcp_requests";

    private const string Key = "scope, request";

    private const string Row = "scope = @scope AND request = @request";

    private const string Open = $"{Row} AND owner = @owner AND is_answered = FALSE";

    internal RequestStatements(StoreDatabase database)
    {
        SqlDialect dialect = database.Dialect;
        string now = database.NowSql;
        string ignore = dialect == SqlDialect.MySql ? "" : $"ON CONFLICT ({Key}) DO NOTHING";
        Define = Definition(dialect);
        Insert =
            $"""
            INSERT INTO {Table} (scope, request, fingerprint, label, begun_at, owner, is_answered, ends_at)
            VALUES (@scope, @request, @fingerprint, @label, {now}, @owner, FALSE, {now} + @lease)
            {ignore}
            """;
        Read =
            $"""
            SELECT owner,
                CASE WHEN fingerprint = @fingerprint THEN 1 ELSE 0 END,
                CASE WHEN is_answered THEN 1 ELSE 0 END,
                ends_at - {now},
                task_id,
                answer
            FROM {Table}
            WHERE {Row}
            """;
        TakeOver =
            $"""
            UPDATE {Table}
            SET owner = @owner, ends_at = {now} + @lease
            WHERE {Row} AND owner = @seen AND is_answered = FALSE AND ends_at <= {now}
            """;
        IsKnown = $"SELECT COUNT(*) FROM {Table} WHERE {Row}";
        Renew = $"UPDATE {Table} SET ends_at = {now} + @lease WHERE {Open}";
        NoteTask = $"UPDATE {Table} SET task_id = @task_id WHERE {Open}";
        Complete =
            $"""
            UPDATE {Table}
            SET is_answered = TRUE, answer = @answer, ends_at = {now} + @replay, delete_at = {now} + @keep
            WHERE {Open}
            """;
        Release = $"DELETE FROM {Table} WHERE {Open}";
        Suspend = $"UPDATE {Table} SET owner = @earlier, ends_at = 0 WHERE {Open}";

        // Only rows without an answer have no time to delete them, so that the index finds them.
        string unresolved = $"delete_at IS NULL AND is_answered = FALSE AND ends_at <= {now}";
        CountUnresolved = $"SELECT COUNT(*), MIN(begun_at) FROM {Table} WHERE {unresolved}";
        ListUnresolved =
            $"""
            SELECT {Text(dialect, "scope")}, {Text(dialect, "request")}, {Text(dialect, "label")}, begun_at, task_id
            FROM {Table}
            WHERE {unresolved}
            ORDER BY begun_at, scope, request
            LIMIT @limit
            """;
        Resolve =
            $"""
            UPDATE {Table}
            SET is_answered = TRUE, owner = @owner, answer = @answer, ends_at = {now} + @replay, delete_at = {now} + @keep
            WHERE {Row} AND {unresolved}
            """;
        Forget = $"DELETE FROM {Table} WHERE {Row} AND {unresolved}";
        Check = $"SELECT COUNT(*) FROM {Table} WHERE 1 = 0 AND delete_at = 0 AND answer = '' AND task_id = ''";
        Count = $"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {Table} WHERE scope = @scope LIMIT @limit) AS counted";
        string oldest = $"FROM {Table} WHERE delete_at <= {now} ORDER BY delete_at LIMIT @limit";
        Purge = dialect switch
        {
            SqlDialect.PostgreSql => $"DELETE FROM {Table} WHERE ctid = ANY (ARRAY(SELECT ctid {oldest} FOR UPDATE SKIP LOCKED))",
            SqlDialect.MySql => $"DELETE {oldest}",
            _ => $"DELETE FROM {Table} WHERE ({Key}) IN (SELECT {Key} {oldest})",
        };

        // The scope of no tenant is empty.
        ReadSalt = $"SELECT answer FROM {Table} WHERE scope = '' AND request = 'salt'";
        InsertSalt =
            $"""
            INSERT INTO {Table} (scope, request, fingerprint, label, begun_at, owner, is_answered, ends_at, answer)
            VALUES ('', 'salt', '', '', 0, 0, TRUE, 0, @answer)
            {ignore}
            """;
    }

    internal string[] Define { get; }

    /// <summary>Adds a request; touches no row if it is known.</summary>
    internal string Insert { get; }

    /// <summary>Reads a request: owner, same fingerprint, answered, milliseconds left, task, answer.</summary>
    internal string Read { get; }

    /// <summary>Takes an unresolved request.</summary>
    internal string TakeOver { get; }

    internal string IsKnown { get; }

    internal string Renew { get; }

    internal string NoteTask { get; }

    internal string Complete { get; }

    internal string Release { get; }

    internal string Suspend { get; }

    /// <summary>Counts unresolved requests: number, time of the oldest.</summary>
    internal string CountUnresolved { get; }

    /// <summary>Reads unresolved requests: scope, request, label, time of the first attempt, task.</summary>
    internal string ListUnresolved { get; }

    /// <summary>Keeps an operator's answer of an unresolved request.</summary>
    internal string Resolve { get; }

    /// <summary>Forgets an unresolved request.</summary>
    internal string Forget { get; }

    internal string Check { get; }

    internal string Count { get; }

    /// <summary>Deletes requests whose time after the answer is over. Requests without an answer stay.</summary>
    internal string Purge { get; }

    internal string ReadSalt { get; }

    internal string InsertSalt { get; }

    /// <summary>Reads a column as text. MySQL has those of the key as bytes.</summary>
    private static string Text(SqlDialect dialect, string column) =>
        dialect == SqlDialect.MySql ? $"CONVERT({column} USING utf8mb4)" : column;

    private static string[] Definition(SqlDialect dialect)
    {
        (string text, string hash, string flag, string large, string end) = dialect switch
        {
            SqlDialect.PostgreSql => ("text COLLATE \"C\"", "text COLLATE \"C\"", "boolean", "text", ")"),
            SqlDialect.MySql => (
                $"VARBINARY({StoreScope.MaxPrincipalBytes})",
                "VARBINARY(64)",
                "TINYINT(1)",
                "LONGTEXT",
                ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"),
            _ => ("TEXT", "TEXT", "INTEGER", "TEXT", ") WITHOUT ROWID"),
        };
        string index = dialect == SqlDialect.MySql ? $",\n    INDEX {Table}_by_age (delete_at)" : "";
        string table =
            $"""
            CREATE TABLE IF NOT EXISTS {Table} (
                scope {text} NOT NULL,
                request {hash} NOT NULL,
                fingerprint {hash} NOT NULL,
                label {hash} NOT NULL,
                begun_at BIGINT NOT NULL,
                owner BIGINT NOT NULL,
                is_answered {flag} NOT NULL,
                ends_at BIGINT NOT NULL,
                delete_at BIGINT NULL,
                task_id {large} NULL,
                answer {large} NULL,
                PRIMARY KEY ({Key}){index}
            {end}
            """;
        return dialect == SqlDialect.MySql
            ? [table]
            : [table, $"CREATE INDEX IF NOT EXISTS {Table}_by_age ON {Table} (delete_at)"];
    }
}
