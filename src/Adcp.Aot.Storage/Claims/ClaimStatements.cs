namespace Adcp.Aot.Storage;

/// <summary>
/// The SQL of <see cref="SqlWebhookClaimStore"/>. Every statement may run again after its answer was lost: it finds the
/// owner's own row, which shows that it had succeeded.
/// </summary>
internal sealed class ClaimStatements
{
    internal const string Table = "adcp_webhook_claims";

    internal const string Columns = "sender, idempotency_key, fingerprint, owner, is_completed, lease_until, retain_until";

    private const string Row = "sender = @sender AND idempotency_key = @key";

    private const string Key = "sender, idempotency_key";

    private const string DoNothing = $"ON CONFLICT ({Key}) DO NOTHING";

    internal ClaimStatements(SqlDialect dialect)
    {
        string now = SqlClock.Now(dialect);
        string isOver = $"retain_until <= {now} AND lease_until <= {now}";
        Define = Definition(dialect);
        Insert =
            $"""
            INSERT INTO {Table} ({Columns})
            VALUES (@sender, @key, @fingerprint, @owner, FALSE, {now} + @lease, {now} + @retention)
            {(dialect == SqlDialect.MySql ? "" : DoNothing)}
            """;
        Read =
            $"""
            SELECT owner,
                CASE WHEN fingerprint = @fingerprint THEN 1 ELSE 0 END,
                CASE WHEN is_completed THEN 1 ELSE 0 END,
                CASE WHEN lease_until > {now} THEN 1 ELSE 0 END,
                CASE WHEN {isOver} THEN 1 ELSE 0 END
            FROM {Table}
            WHERE {Row}
            """;
        TakeOver =
            $"""
            UPDATE {Table}
            SET owner = @owner, lease_until = {now} + @lease
            WHERE {Row} AND owner = @seen AND is_completed = FALSE AND lease_until <= {now}
            """;
        Replace =
            $"""
            UPDATE {Table}
            SET fingerprint = @fingerprint, owner = @owner, is_completed = FALSE,
                lease_until = {now} + @lease, retain_until = {now} + @retention
            WHERE {Row} AND owner = @seen AND {isOver}
            """;
        Renew =
            $"""
            UPDATE {Table}
            SET lease_until = {now} + @lease
            WHERE {Row} AND owner = @owner AND is_completed = FALSE AND lease_until > {now}
            """;
        Complete =
            $"""
            UPDATE {Table}
            SET is_completed = TRUE, lease_until = 0
            WHERE {Row} AND owner = @owner AND (is_completed = TRUE OR lease_until > {now})
            """;

        // A lease of 0 is that of a claim that was released.
        Release =
            $"""
            UPDATE {Table}
            SET lease_until = 0
            WHERE {Row} AND owner = @owner AND is_completed = FALSE AND (lease_until = 0 OR lease_until > {now})
            """;
        Count = ExpirySql.Count(Table, $"sender = @sender AND retain_until > {now}");
        Purge = ExpirySql.Purge(dialect, Table, Key, isOver, "retain_until");
    }

    internal string[] Define { get; }

    /// <summary>Adds a new key; touches no row if the key is bound.</summary>
    internal string Insert { get; }

    /// <summary>Reads a binding: owner, same fingerprint, completed, leased, over.</summary>
    internal string Read { get; }

    /// <summary>Takes a claim whose lease has ended.</summary>
    internal string TakeOver { get; }

    /// <summary>Binds a key again if its retention is over.</summary>
    internal string Replace { get; }

    internal string Renew { get; }

    internal string Complete { get; }

    internal string Release { get; }

    internal string Count { get; }

    internal string Purge { get; }

    private static string[] Definition(SqlDialect dialect)
    {
        (string text, string flag, string end) = dialect switch
        {
            SqlDialect.PostgreSql => ("text COLLATE \"C\"", "boolean", ")"),
            SqlDialect.MySql => ($"VARBINARY({KeyText.MaxBytes})", "TINYINT(1)", ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"),
            _ => ("TEXT", "INTEGER", ") WITHOUT ROWID"),
        };
        string indexes = dialect == SqlDialect.MySql
            ? ",\n    INDEX adcp_webhook_claims_by_sender (sender, retain_until),\n    INDEX adcp_webhook_claims_by_age (retain_until)"
            : "";
        string table =
            $"""
            CREATE TABLE IF NOT EXISTS {Table} (
                sender {text} NOT NULL,
                idempotency_key {text} NOT NULL,
                fingerprint {text} NOT NULL,
                owner BIGINT NOT NULL,
                is_completed {flag} NOT NULL,
                lease_until BIGINT NOT NULL,
                retain_until BIGINT NOT NULL,
                PRIMARY KEY ({Key}){indexes}
            {end}
            """;
        return dialect == SqlDialect.MySql
            ? [table]
            :
            [
                table,
                $"CREATE INDEX IF NOT EXISTS adcp_webhook_claims_by_sender ON {Table} (sender, retain_until)",
                $"CREATE INDEX IF NOT EXISTS adcp_webhook_claims_by_age ON {Table} (retain_until)",
            ];
    }
}
