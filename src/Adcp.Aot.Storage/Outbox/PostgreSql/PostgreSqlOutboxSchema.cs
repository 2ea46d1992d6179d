using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The definition of an outbox's tables on PostgreSQL. All times are milliseconds since 1970 of the database's clock.</summary>
/// <remarks>
/// Transactions lock rows in the order meta, worker, lane, log, parked, dead, binding, and several rows of a table in the order of
/// their key, so that they never wait for each other in a circle. Streams and bindings are locked by callers, in the order of their key.
/// A transaction on switches locks nothing else.
/// </remarks>
internal sealed class PostgreSqlOutboxSchema
{
    private const int FirstServerVersion = 130_000;

    /// <summary>
    /// Keeps scans short on tables whose rows live for seconds. The default threshold of 20 % of the rows lets them grow with every burst,
    /// and truncation would lock them exclusively.
    /// </summary>
    private const string QueueVacuum =
        "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, "
        + "autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000, "
        + "vacuum_truncate = off";

    private readonly OutboxTables _tables;
    private readonly SqlSchema _schema;

    internal PostgreSqlOutboxSchema(OutboxTables tables)
    {
        _tables = tables;
        int dot = tables.Prefix.IndexOf('.', StringComparison.Ordinal);
        _schema = new SqlSchema(
            SqlDialect.PostgreSql, tables.Meta, versionsIn: dot < 0 ? null : tables.Prefix[..dot], new SqlMigration(Define(tables)),
            new SqlMigration(IndexDead(tables)), new SqlMigration(AddType(tables)), new SqlMigration(AddSwitches(tables)),
            new SqlMigration(AddKeyHash(tables)), new SqlMigration(AddTransaction(tables)),
            new SqlMigration(AddFigures(tables)) { IsBackwardCompatible = true });
    }

    /// <summary>Gets the versions of the tables.</summary>
    internal SqlSchema Schema => _schema;

    /// <summary>Creates the tables if they are absent.</summary>
    /// <exception cref="InvalidOperationException">
    /// The server is too old, or the tables are newer than this program, which does not work on them.
    /// </exception>
    internal async ValueTask CreateIfAbsentAsync(DbDataSource source, CancellationToken cancellationToken)
    {
        await RequireServerAsync(source, cancellationToken).ConfigureAwait(false);
        await _schema.ApplyAsync(source, cancellationToken).ConfigureAwait(false);
    }

    /// <exception cref="InvalidOperationException">
    /// A table is missing, lacks a column, or is newer than this program, which does not work on it.
    /// </exception>
    internal async ValueTask CheckAsync(DbDataSource source, CancellationToken cancellationToken)
    {
        await RequireServerAsync(source, cancellationToken).ConfigureAwait(false);
        await _schema.RequireKnownVersionAsync(source, cancellationToken).ConfigureAwait(false);
        foreach ((string table, string columns) in Columns())
        {
            try
            {
                await _schema.RequireAsync(source, $"SELECT {columns} FROM {table} WHERE 1 = 0", cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (InvalidOperationException fault) when (fault.InnerException is DbException refusal)
            {
                throw new InvalidOperationException(
                    $"Table '{table}' is missing or lacks a column. Call CreateIfAbsentAsync when the application starts. "
                    + refusal.Message,
                    refusal);
            }
        }
    }

    private static async ValueTask RequireServerAsync(DbDataSource source, CancellationToken cancellationToken)
    {
        DbConnection connection = await source.OpenLiveAsync(SqlDialect.PostgreSql, cancellationToken).ConfigureAwait(false);
        try
        {
            int version = await connection.Command("SELECT current_setting('server_version_num')::int")
                .OneAsync(static reader => reader.GetInt32(0), cancellationToken).ConfigureAwait(false);
            if (version < FirstServerVersion)
            {
                throw new InvalidOperationException(
                    $"The outbox needs PostgreSQL 13 or newer; the server has version {version / 10_000}. Upgrade the server.");
            }
        }
        finally
        {
            await SqlConnections.DropAsync(connection).ConfigureAwait(false);
        }
    }

    private (string Table, string Columns)[] Columns() =>
    [
        (_tables.Meta, "installation, format, system_identifier"),
        (_tables.Worker, "worker, name, expires_at, is_draining, " + string.Join(", ", OutboxFigures.Columns)),
        (_tables.Lane, "lane, worker, epoch, unclean"),
        (_tables.Log,
            "lane, xid, id, endpoint, tenant, attempts, unclean, enqueued_at, not_before, max_at, first_attempt_at, horizon_at, key_id, "
            + "is_on_trial, stream, number, binding, sealed"),
        (_tables.Parked,
            "lane, endpoint, due_at, id, tenant, attempts, unclean, enqueued_at, max_at, first_attempt_at, horizon_at, status_code, "
            + "is_on_trial, stream, number, reason, key_id, binding, key_hash, sealed"),
        (_tables.Dead,
            "id, lane, endpoint, tenant, attempts, unclean, enqueued_at, max_at, first_attempt_at, horizon_at, ended_at, kept_until, "
            + "status_code, reason, key_id, binding, notification_type, key_hash, sealed"),
        (_tables.Binding, "hash, fingerprint, sequence_number, state, retires_at, kept_until, idempotency_key, xid"),
        (_tables.Stream, "stream, last, used_at"),
        (_tables.Switch, "target, revision, changed_at, is_stopped, name, actor, reason"),
    ];

    /// <summary>
    /// Returns version 1. Columns of a fixed width come first, so that a row has no padding. Sealed bytes are never compressed: they look
    /// like noise.
    /// </summary>
    private static string[] Define(OutboxTables tables) =>
    [
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Worker} (
            worker uuid PRIMARY KEY,
            expires_at bigint NOT NULL,
            is_draining boolean NOT NULL DEFAULT false,
            name text NOT NULL
        ) WITH (fillfactor = 50)
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Lane} (
            worker uuid,
            epoch bigint NOT NULL DEFAULT 0,
            unclean integer NOT NULL DEFAULT 0,
            lane smallint PRIMARY KEY
        ) WITH (fillfactor = 50)
        """,
        $"INSERT INTO {tables.Lane} (lane) SELECT generate_series(0, {OutboxLanes.Count - 1}) ON CONFLICT DO NOTHING",

        // The key is the only index of an ordinary row: it finds new rows, and it reads them in the order of their transactions.
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Log} (
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            id bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
            endpoint bigint NOT NULL,
            tenant bigint NOT NULL,
            enqueued_at bigint NOT NULL,
            not_before bigint NOT NULL,
            max_at bigint,
            first_attempt_at bigint,
            horizon_at bigint,
            attempts integer NOT NULL DEFAULT 0,
            unclean integer NOT NULL DEFAULT 0,
            lane smallint NOT NULL,
            is_on_trial boolean NOT NULL DEFAULT false,
            stream bigint,
            number bigint,
            key_id text NOT NULL,
            binding bytea,
            sealed bytea NOT NULL,
            CONSTRAINT {tables.Index("log_pkey")} PRIMARY KEY (xid, lane, id)
        ) WITH ({QueueVacuum})
        """,
        $"ALTER TABLE {tables.Log} ALTER COLUMN sealed SET STORAGE EXTERNAL",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("log_by_stream")} ON {tables.Log} (stream, number) WHERE stream IS NOT NULL",
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Parked} (
            endpoint bigint NOT NULL,
            due_at bigint NOT NULL,
            id bigint NOT NULL,
            tenant bigint NOT NULL,
            enqueued_at bigint NOT NULL,
            max_at bigint,
            first_attempt_at bigint,
            horizon_at bigint,
            attempts integer NOT NULL,
            unclean integer NOT NULL,
            status_code integer NOT NULL,
            lane smallint NOT NULL,
            is_on_trial boolean NOT NULL DEFAULT false,
            stream bigint,
            number bigint,
            reason text,
            key_id text NOT NULL,
            binding bytea,
            sealed bytea NOT NULL,
            CONSTRAINT {tables.Index("parked_pkey")} PRIMARY KEY (lane, endpoint, due_at, id)
        ) WITH (fillfactor = 80, toast_tuple_target = 128, {QueueVacuum})
        """,
        $"ALTER TABLE {tables.Parked} ALTER COLUMN sealed SET STORAGE EXTERNAL",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("parked_by_stream")} ON {tables.Parked} (stream, number) WHERE stream IS NOT NULL",
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Dead} (
            id bigint PRIMARY KEY,
            endpoint bigint NOT NULL,
            tenant bigint NOT NULL,
            enqueued_at bigint NOT NULL,
            max_at bigint,
            first_attempt_at bigint,
            horizon_at bigint,
            ended_at bigint NOT NULL,
            kept_until bigint NOT NULL,
            attempts integer NOT NULL,
            unclean integer NOT NULL,
            status_code integer NOT NULL,
            lane smallint NOT NULL,
            reason text NOT NULL,
            key_id text NOT NULL,
            binding bytea,
            sealed bytea NOT NULL
        )
        """,
        $"ALTER TABLE {tables.Dead} ALTER COLUMN sealed SET STORAGE EXTERNAL",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_age")} ON {tables.Dead} (kept_until)",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_tenant")} ON {tables.Dead} (tenant, id)",
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Binding} (
            hash bytea PRIMARY KEY,
            sequence_number bigint,
            retires_at bigint NOT NULL,
            kept_until bigint NOT NULL,
            state smallint NOT NULL DEFAULT 0,
            fingerprint bytea NOT NULL,
            idempotency_key text NOT NULL
        ) WITH (fillfactor = 90)
        """,
        $"CREATE INDEX IF NOT EXISTS {tables.Index("binding_by_age")} ON {tables.Binding} (kept_until)",
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Stream} (
            last bigint NOT NULL,
            used_at bigint NOT NULL,
            stream text COLLATE "C" PRIMARY KEY
        ) WITH (fillfactor = 50)
        """,

        // The version row is named after this table, so it comes last.
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Meta} (
            installation uuid NOT NULL,
            system_identifier text,
            format integer NOT NULL,
            is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
        )
        """,
        $"INSERT INTO {tables.Meta} (installation, format) VALUES (gen_random_uuid(), 1) ON CONFLICT DO NOTHING",
    ];

    /// <summary>Returns version 2: operators filter a million dead letters by each of their filters.</summary>
    private static string[] IndexDead(OutboxTables tables) =>
    [
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_endpoint")} ON {tables.Dead} (endpoint, id)",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_reason")} ON {tables.Dead} (reason, id)",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_tenant_reason")} ON {tables.Dead} (tenant, reason, id)",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_endpoint_reason")} ON {tables.Dead} (endpoint, reason, id)",
    ];

    /// <summary>
    /// Returns version 3: dead letters are filtered by their notification type. The other filters' columns are in the index, so that a
    /// filter by several reads no row that it does not match. Most dead letters report on a task and have no type.
    /// </summary>
    private static string[] AddType(OutboxTables tables) =>
    [
        $"ALTER TABLE {tables.Dead} ADD COLUMN IF NOT EXISTS notification_type bigint",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("dead_by_type")} ON {tables.Dead} (notification_type, id, reason, tenant, endpoint) "
        + "WHERE notification_type IS NOT NULL",
    ];

    /// <summary>Returns version 4: operators isolate endpoints and pause deliveries for all workers.</summary>
    private static string[] AddSwitches(OutboxTables tables) =>
    [
        $"""
        CREATE TABLE IF NOT EXISTS {tables.Switch} (
            revision bigint NOT NULL,
            changed_at bigint NOT NULL,
            is_stopped boolean NOT NULL,
            target text COLLATE "C" PRIMARY KEY,
            name text NOT NULL,
            actor text NOT NULL,
            reason text
        )
        """,
        $"CREATE INDEX IF NOT EXISTS {tables.Index("switch_by_revision")} ON {tables.Switch} (revision)",
        $"""
        INSERT INTO {tables.Switch} (target, revision, changed_at, is_stopped, name, actor)
        VALUES ('{OutboxSwitch.All}', 1, 0, false, '', '') ON CONFLICT DO NOTHING
        """,
    ];

    /// <summary>
    /// Returns version 5: webhooks are found by their idempotency key. Rows of earlier versions, and rows that no worker could read, have
    /// no hash and an index of their own. Both indexes are partial, so that no plan of a settlement can use them: one with the ids of all
    /// rows is read as a whole for each row while the planner takes the table for empty.
    /// </summary>
    private static string[] AddKeyHash(OutboxTables tables) =>
    [
        $"ALTER TABLE {tables.Parked} ADD COLUMN IF NOT EXISTS key_hash bigint",
        $"ALTER TABLE {tables.Dead} ADD COLUMN IF NOT EXISTS key_hash bigint",
        .. new[] { (Table: tables.Parked, Name: "parked"), (Table: tables.Dead, Name: "dead") }.SelectMany(to => new[]
        {
            $"CREATE INDEX IF NOT EXISTS {tables.Index(to.Name + "_by_key")} ON {to.Table} (key_hash) WHERE key_hash IS NOT NULL",
            $"CREATE INDEX IF NOT EXISTS {tables.Index(to.Name + "_without_key")} ON {to.Table} (id) WHERE key_hash IS NULL",
        }),
    ];

    /// <summary>
    /// Returns version 6: a delivery id knows the transaction of its row in the log, so that its webhook is found there, and a delivery
    /// need not write that it was made. The default serves processes of the release before. NULL says that the transaction is unknown.
    /// </summary>
    private static string[] AddTransaction(OutboxTables tables) =>
    [
        $"ALTER TABLE {tables.Binding} ADD COLUMN IF NOT EXISTS xid xid8",
        $"ALTER TABLE {tables.Binding} ALTER COLUMN xid SET DEFAULT pg_current_xact_id()",
        $"UPDATE {tables.Binding} AS b SET xid = l.xid FROM {tables.Log} AS l WHERE l.binding = b.hash",
        $"CREATE INDEX IF NOT EXISTS {tables.Index("parked_by_binding")} ON {tables.Parked} (binding) WHERE binding IS NOT NULL",
    ];

    /// <summary>
    /// Returns version 7: a worker's figures are in its row, so that every process can report them. The defaults serve processes of the
    /// release before, whose workers count as zero.
    /// </summary>
    private static string[] AddFigures(OutboxTables tables) =>
    [
        $"""
        ALTER TABLE {tables.Worker}
            ADD COLUMN IF NOT EXISTS in_flight integer NOT NULL DEFAULT 0,
            ADD COLUMN IF NOT EXISTS in_memory integer NOT NULL DEFAULT 0,
            ADD COLUMN IF NOT EXISTS delivered bigint NOT NULL DEFAULT 0,
            ADD COLUMN IF NOT EXISTS deferred bigint NOT NULL DEFAULT 0,
            ADD COLUMN IF NOT EXISTS fenced_off bigint NOT NULL DEFAULT 0
        """,
    ];
}
