namespace Adcp.Aot.Storage;

/// <summary>
/// The SQL of <see cref="SqlReplayCache"/>. Every statement may run again after its answer was lost: it finds the
/// owner's own row, which shows that it had succeeded.
/// </summary>
internal sealed class NonceStatements
{
    internal const string Table = "adcp_webhook_nonces";

    internal const string Columns = "sender, key_id, nonce, owner, expires_at";

    private const string Row = "sender = @sender AND key_id = @key_id AND nonce = @nonce";

    private const string Key = "sender, key_id, nonce";

    private const string DoNothing = $"ON CONFLICT ({Key}) DO NOTHING";

    internal NonceStatements(SqlDialect dialect)
    {
        string now = SqlClock.Now(dialect);
        Define = Definition(dialect);
        Insert =
            $"""
            INSERT INTO {Table} ({Columns})
            VALUES (@sender, @key_id, @nonce, @owner, {now} + @ttl)
            {(dialect == SqlDialect.MySql ? "" : DoNothing)}
            """;
        Read = $"SELECT owner, CASE WHEN expires_at < {now} THEN 1 ELSE 0 END FROM {Table} WHERE {Row}";
        Replace =
            $"""
            UPDATE {Table}
            SET owner = @owner, expires_at = {now} + @ttl
            WHERE {Row} AND owner = @seen AND expires_at < {now}
            """;
        CountOfKey = ExpirySql.Count(Table, $"sender = @sender AND key_id = @key_id AND expires_at >= {now}");
        CountOfSender = ExpirySql.Count(Table, $"sender = @sender AND expires_at >= {now}");
        CountOfAll = ExpirySql.Count(Table, $"expires_at >= {now}");
        Purge = ExpirySql.Purge(dialect, Table, Key, $"expires_at < {now}", "expires_at");
    }

    internal string[] Define { get; }

    /// <summary>Adds a nonce; touches no row if it is there.</summary>
    internal string Insert { get; }

    /// <summary>Reads a nonce: owner, expired.</summary>
    internal string Read { get; }

    /// <summary>Adds a nonce again if the earlier one has expired.</summary>
    internal string Replace { get; }

    internal string CountOfKey { get; }

    internal string CountOfSender { get; }

    internal string CountOfAll { get; }

    internal string Purge { get; }

    private static string[] Definition(SqlDialect dialect)
    {
        (string text, string end) = dialect switch
        {
            SqlDialect.PostgreSql => ("text COLLATE \"C\"", ")"),
            SqlDialect.MySql => ($"VARBINARY({KeyText.MaxBytes})", ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"),
            _ => ("TEXT", ") WITHOUT ROWID"),
        };
        string index = dialect == SqlDialect.MySql ? ",\n    INDEX adcp_webhook_nonces_by_age (expires_at)" : "";
        string table =
            $"""
            CREATE TABLE IF NOT EXISTS {Table} (
                sender {text} NOT NULL,
                key_id {text} NOT NULL,
                nonce {text} NOT NULL,
                owner BIGINT NOT NULL,
                expires_at BIGINT NOT NULL,
                PRIMARY KEY ({Key}){index}
            {end}
            """;
        return dialect == SqlDialect.MySql
            ? [table]
            : [table, $"CREATE INDEX IF NOT EXISTS adcp_webhook_nonces_by_age ON {Table} (expires_at)"];
    }
}
