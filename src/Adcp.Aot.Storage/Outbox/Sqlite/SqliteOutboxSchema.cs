namespace Adcp.Aot.Storage;

/// <summary>The tables of an outbox on SQLite. Times are milliseconds since 1970.</summary>
/// <remarks>
/// A row of the log without a stream or delivery id is in no index beside the key: ids grow in the order of the commits, because SQLite
/// has one writer at a time, so that rows with a higher id than the last one read are exactly those that were not read.
/// </remarks>
internal static class SqliteOutboxSchema
{
    internal const int Format = 1;

    /// <summary>The columns that a webhook keeps in each of the three tables that it can be in.</summary>
    private const string Webhook = """
        lane INTEGER NOT NULL,
        endpoint INTEGER NOT NULL,
        tenant INTEGER NOT NULL,
        key_id TEXT NOT NULL,
        binding BLOB,
        attempts INTEGER NOT NULL DEFAULT 0,
        unclean INTEGER NOT NULL DEFAULT 0,
        enqueued_at INTEGER NOT NULL,
        first_attempt_at INTEGER,
        horizon_at INTEGER
        """;

    /// <summary>The columns of a webhook that waits.</summary>
    private const string Owned = """
        is_on_trial INTEGER NOT NULL DEFAULT 0,
        stream INTEGER,
        number INTEGER
        """;

    internal static SqlSchema Create(OutboxTables tables) => new(SqlDialect.Sqlite, tables.Meta, new SqlMigration(
        $"CREATE TABLE IF NOT EXISTS {tables.Meta} (installation BLOB NOT NULL, format INTEGER NOT NULL) STRICT",
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Worker} (
            worker BLOB NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            expires_at INTEGER NOT NULL,
            is_draining INTEGER NOT NULL DEFAULT 0,
            has_lock INTEGER NOT NULL) STRICT, WITHOUT ROWID
        """,
        $"CREATE TABLE IF NOT EXISTS {tables.Lane} (lane INTEGER PRIMARY KEY, worker BLOB, unclean INTEGER NOT NULL DEFAULT 0) STRICT",
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Log} (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            {Webhook},
            not_before INTEGER NOT NULL,
            max_at INTEGER,
            {Owned},
            sealed BLOB NOT NULL) STRICT
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Parked} (
            id INTEGER PRIMARY KEY,
            {Webhook},
            due_at INTEGER NOT NULL,
            max_at INTEGER,
            reason TEXT,
            status_code INTEGER NOT NULL,
            {Owned},
            sealed BLOB NOT NULL) STRICT
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Dead} (
            id INTEGER PRIMARY KEY,
            {Webhook},
            reason TEXT NOT NULL,
            status_code INTEGER NOT NULL,
            max_at INTEGER,
            ended_at INTEGER NOT NULL,
            kept_until INTEGER NOT NULL,
            sealed BLOB NOT NULL) STRICT
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Binding} (
            hash BLOB NOT NULL PRIMARY KEY,
            fingerprint BLOB NOT NULL,
            idempotency_key TEXT NOT NULL,
            sequence_number INTEGER,
            state INTEGER NOT NULL DEFAULT 0,
            retires_at INTEGER NOT NULL,
            kept_until INTEGER NOT NULL) STRICT, WITHOUT ROWID
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Stream} (
            stream TEXT NOT NULL PRIMARY KEY,
            number INTEGER NOT NULL,
            used_at INTEGER NOT NULL) STRICT, WITHOUT ROWID
        """,
        Index(tables, "parked_due", tables.Parked, "lane, endpoint, due_at"),
        Index(tables, "log_stream", tables.Log, "stream, number", "stream IS NOT NULL"),
        Index(tables, "parked_stream", tables.Parked, "stream, number", "stream IS NOT NULL"),
        Index(tables, "dead_kept", tables.Dead, "kept_until"),
        Index(tables, "dead_tenant", tables.Dead, "tenant"),
        Index(tables, "binding_kept", tables.Binding, "kept_until"),
        Index(tables, "stream_used", tables.Stream, "used_at"),
        $"""
        WITH RECURSIVE lanes (lane) AS (SELECT 0 UNION ALL SELECT lane + 1 FROM lanes WHERE lane < {OutboxLanes.Count - 1})
        INSERT OR IGNORE INTO {tables.Lane} (lane) SELECT lane FROM lanes
        """,
        $"""
        INSERT INTO {tables.Meta} (installation, format)
        SELECT randomblob(16), {Format} WHERE NOT EXISTS (SELECT 1 FROM {tables.Meta})
        """),

        // Operators filter a million dead letters by each of their filters.
        new SqlMigration(
            Index(tables, "dead_endpoint", tables.Dead, "endpoint"),
            Index(tables, "dead_reason", tables.Dead, "reason"),
            Index(tables, "dead_tenant_reason", tables.Dead, "tenant, reason"),
            Index(tables, "dead_endpoint_reason", tables.Dead, "endpoint, reason")),

        // The other filters' columns are in the index, so that a filter by several reads no row that it does not match. Most dead letters
        // report on a task and have no type.
        new SqlMigration(
            $"ALTER TABLE {tables.Dead} ADD COLUMN notification_type INTEGER",
            Index(tables, "dead_type", tables.Dead, "notification_type, id, reason, tenant, endpoint", "notification_type IS NOT NULL")),

        // Operators isolate endpoints and pause deliveries for all workers.
        new SqlMigration(
            $"""
            CREATE TABLE IF NOT EXISTS {tables.Switch} (
                target TEXT NOT NULL PRIMARY KEY,
                revision INTEGER NOT NULL,
                changed_at INTEGER NOT NULL,
                is_stopped INTEGER NOT NULL,
                name TEXT NOT NULL,
                actor TEXT NOT NULL,
                reason TEXT) STRICT, WITHOUT ROWID
            """,
            Index(tables, "switch_revision", tables.Switch, "revision"),
            $"""
            INSERT OR IGNORE INTO {tables.Switch} (target, revision, changed_at, is_stopped, name, actor)
            VALUES ('{OutboxSwitch.All}', 1, 0, 0, '', '')
            """),

        // Webhooks are found by their idempotency key. Rows of earlier versions, and rows that no worker could read, have no hash; the
        // indexes find these too.
        new SqlMigration(
            $"ALTER TABLE {tables.Parked} ADD COLUMN key_hash INTEGER",
            $"ALTER TABLE {tables.Dead} ADD COLUMN key_hash INTEGER",
            Index(tables, "parked_key", tables.Parked, "key_hash"),
            Index(tables, "dead_key", tables.Dead, "key_hash")),

        // A worker's figures are in its row, so that every process can report them. Workers of the release before count as zero.
        new SqlMigration(
            [.. OutboxFigures.Columns.Select(column => $"ALTER TABLE {tables.Worker} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")])
        {
            IsBackwardCompatible = true,
        },

        // The webhook of a delivery id is found in the tables, so that a delivery need not write that it was made. If this release
        // delivered a webhook, the release before says that it waits.
        new SqlMigration(
            Index(tables, "log_binding", tables.Log, "binding", "binding IS NOT NULL"),
            Index(tables, "parked_binding", tables.Parked, "binding", "binding IS NOT NULL"))
        {
            IsBackwardCompatible = true,
        },

        // The webhook of a delivery id is found by the id of its row, which a trigger keeps: an index of the log would be written by each
        // enqueue and each delivery, each time in another page. No row has the id 0. The release before needs the index of parked rows.
        new SqlMigration(
            $"ALTER TABLE {tables.Binding} ADD COLUMN row_id INTEGER NOT NULL DEFAULT 0",
            $"""
            UPDATE {tables.Binding} SET row_id = coalesce(
                (SELECT id FROM {tables.Log} WHERE binding = hash), (SELECT id FROM {tables.Parked} WHERE binding = hash), 0)
            WHERE state = {(int)OutboxBindingState.Waiting}
            """,
            $"""
            CREATE TRIGGER IF NOT EXISTS {SchemaOf(tables.Log)}{tables.Index("log_bound")}
            AFTER INSERT ON {NameOf(tables.Log)} WHEN NEW.binding IS NOT NULL
            BEGIN
                UPDATE {NameOf(tables.Binding)} SET row_id = NEW.id WHERE hash = NEW.binding;
            END
            """,
            $"DROP INDEX IF EXISTS {SchemaOf(tables.Log)}{tables.Index("log_binding")}")
        {
            IsBackwardCompatible = true,
        });

    /// <summary>Returns a query that names each column that the store uses.</summary>
    internal static string Columns(OutboxTables tables) => $"""
        SELECT m.installation, m.format, w.worker, w.name, w.expires_at, w.is_draining, w.has_lock,
            {string.Join(", ", OutboxFigures.Columns.Select(static column => "w." + column))}, n.lane, n.worker, n.unclean,
            l.id, l.lane, l.endpoint, l.tenant, l.key_id, l.binding, l.attempts, l.unclean, l.enqueued_at, l.first_attempt_at, l.horizon_at,
            l.not_before, l.max_at, l.is_on_trial, l.stream, l.number, l.sealed,
            p.id, p.lane, p.endpoint, p.tenant, p.key_id, p.binding, p.attempts, p.unclean, p.enqueued_at, p.first_attempt_at, p.horizon_at,
            p.due_at, p.max_at, p.reason, p.status_code, p.is_on_trial, p.stream, p.number, p.key_hash, p.sealed,
            d.id, d.lane, d.endpoint, d.tenant, d.key_id, d.binding, d.attempts, d.unclean, d.enqueued_at, d.first_attempt_at, d.horizon_at,
            d.reason, d.status_code, d.max_at, d.ended_at, d.kept_until, d.notification_type, d.key_hash, d.sealed,
            b.hash, b.fingerprint, b.idempotency_key, b.sequence_number, b.state, b.retires_at, b.kept_until, b.row_id,
            s.stream, s.number, s.used_at, o.target, o.revision, o.changed_at, o.is_stopped, o.name, o.actor, o.reason
        FROM {tables.Meta} m, {tables.Worker} w, {tables.Lane} n, {tables.Log} l, {tables.Parked} p, {tables.Dead} d, {tables.Binding} b,
            {tables.Stream} s, {tables.Switch} o
        WHERE 1 = 0
        """;

    /// <summary>SQLite wants the schema before the index's name and not before the table's.</summary>
    private static string Index(OutboxTables tables, string suffix, string table, string columns, string? rows = null) =>
        $"CREATE INDEX IF NOT EXISTS {SchemaOf(table)}{tables.Index(suffix)} ON {NameOf(table)} ({columns})"
            + (rows is null ? "" : $" WHERE {rows}");

    /// <summary>Returns the schema of a table with its point; empty if there is none.</summary>
    private static string SchemaOf(string table) => table[..(table.IndexOf('.', StringComparison.Ordinal) + 1)];

    private static string NameOf(string table) => table[(table.IndexOf('.', StringComparison.Ordinal) + 1)..];
}
