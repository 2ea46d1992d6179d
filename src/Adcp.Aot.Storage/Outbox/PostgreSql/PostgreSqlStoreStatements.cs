using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Storage;

/// <summary>The statements of enqueueing, ownership and dead letters on PostgreSQL. Times are milliseconds since 1970.</summary>
internal sealed class PostgreSqlStoreStatements
{
    /// <summary>The time for which the last number of an unused stream is kept.</summary>
    internal static readonly TimeSpan StreamKept = TimeSpan.FromDays(400);

    private const int Waiting = (int)OutboxBindingState.Waiting;

    /// <summary>Dead letters of a status are counted up to this number. More are estimated.</summary>
    private const int MaxCounted = 10_000;

    /// <summary>Statements that wait use the time at which they continue: a lease must not begin in the past.</summary>
    private const string Clock = "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS bigint)";

    /// <summary>The condition that a crash of the server may undo the commit. A session or transaction may set it for itself.</summary>
    private const string IsRisky = "current_setting('synchronous_commit') = 'off'";

    /// <summary>The table that a row was appended to. A name without a schema means another table under another search_path.</summary>
    private const string LogTable = "tableoid::bigint";

    private static readonly string Now = SqlClock.Now(SqlDialect.PostgreSql);

    /// <summary>The number of bytes of a hash.</summary>
    private static readonly string Hash = SHA256.HashSizeInBytes.ToString(CultureInfo.InvariantCulture);

    /// <summary>The time, read once for a statement and not for each of its rows.</summary>
    private static readonly string NowOnce = $"(SELECT {Now})";

    private static readonly string DeadColumns =
        "id, lane, endpoint, tenant, key_id, sealed, attempts, reason, status_code, enqueued_at, first_attempt_at, ended_at, "
        + $"coalesce(coalesce(horizon_at, max_at) > {Now}, true)";

    private readonly OutboxTables _tables;

    internal PostgreSqlStoreStatements(OutboxTables tables)
    {
        _tables = tables;
        string noWorker = $"NOT EXISTS (SELECT FROM {tables.Worker} AS w WHERE w.worker = f.worker)";
        string log =
            $"INSERT INTO {tables.Log} "
            + "(lane, endpoint, tenant, enqueued_at, not_before, max_at, stream, number, binding, key_id, sealed)";
        Append =
            $"{log} VALUES ($1, $2, $3, {Now}, greatest({Now}, $4), {Now} + $5, $6, $7, $8, $9, $10) "
            + $"RETURNING id, {IsRisky}, {LogTable}";

        AppendOneBound =
            $"""
            WITH b AS (
                INSERT INTO {tables.Binding} (hash, fingerprint, idempotency_key, retires_at, kept_until)
                VALUES ($8, $11, $12, greatest({Now}, $4) + $13, greatest({Now}, $4) + $14)
                ON CONFLICT (hash) DO NOTHING
                RETURNING hash)
            {log} SELECT $1, $2, $3, {Now}, greatest({Now}, $4), {Now} + $5, $6, $7, $8, $9, $10 FROM b
            RETURNING id, {IsRisky}, {LogTable}
            """;

        // Arrays go over as one text, and the bytes of all rows as one value: a row with parameters of its own costs twice as much.
        string values =
            $"""
            SELECT k.lane, k.endpoint, k.tenant, {NowOnce}, greatest({NowOnce}, k.earliest), {NowOnce} + k.age, k.stream, k.number, k.hash,
                k.key_id, substring($10 FROM k.start FOR k.length)
            """;
        AppendMany =
            $"""
            {log}
            {values}
            FROM {RowsOf()}
            ORDER BY k.place
            RETURNING id, binding, (SELECT {IsRisky}), {LogTable}
            """;

        // The delivery ids are bound in the order of their hashes, so that two callers never wait for each other.
        AppendBound =
            $"""
            WITH k AS MATERIALIZED (
                SELECT * FROM {RowsOf(
                    ", CAST($13 AS text)::text[], CAST($14 AS text)::bigint[], CAST($15 AS text)::bigint[]",
                    ", idempotency_key, retires, kept")}),
            b AS (
                INSERT INTO {tables.Binding} (hash, fingerprint, idempotency_key, retires_at, kept_until)
                SELECT k.hash, substring($10 FROM k.start + k.length + {Hash} FOR {Hash}), k.idempotency_key,
                    greatest({NowOnce}, k.earliest) + k.retires, greatest({NowOnce}, k.earliest) + k.kept
                FROM k WHERE k.hashes = 2
                ORDER BY k.hash
                ON CONFLICT (hash) DO NOTHING
                RETURNING hash)
            {log}
            {values}
            FROM k
            WHERE k.hashes < 2 OR k.hash IN (SELECT hash FROM b)
            ORDER BY k.place
            RETURNING id, binding, (SELECT {IsRisky}), {LogTable}
            """;
        Installation = $"SELECT installation FROM {tables.Meta}";
        Identity =
            $"""
            SELECT concat_ws(':', extract(epoch FROM pg_postmaster_start_time()),
                (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()), to_regclass('{tables.Meta}')::oid),
                {IsRisky}, coalesce(to_regclass('{tables.Log}')::oid::bigint, 0)
            """;
        Draw =
            $"""
            INSERT INTO {tables.Stream} AS s (stream, last, used_at)
            SELECT k.stream, k.drawn, {NowOnce} FROM unnest(CAST($1 AS text)::text[], CAST($2 AS text)::bigint[]) AS k(stream, drawn)
            ON CONFLICT (stream) DO UPDATE SET last = s.last + excluded.last, used_at = excluded.used_at
            RETURNING stream, last
            """;
        Bind =
            $"""
            INSERT INTO {tables.Binding} (hash, fingerprint, idempotency_key, retires_at, kept_until)
            SELECT decode(k.hash, 'hex'), decode(k.fingerprint, 'hex'), k.idempotency_key,
                greatest({NowOnce}, k.earliest) + k.retires, greatest({NowOnce}, k.earliest) + k.kept
            FROM unnest(CAST($1 AS text)::text[], CAST($2 AS text)::text[], CAST($3 AS text)::text[], CAST($4 AS text)::bigint[],
                CAST($5 AS text)::bigint[], CAST($6 AS text)::bigint[])
                AS k(hash, fingerprint, idempotency_key, retires, kept, earliest)
            ON CONFLICT (hash) DO NOTHING
            RETURNING hash
            """;
        KeepNumber = $"UPDATE {tables.Binding} SET sequence_number = $2 WHERE hash = $1";
        string waits =
            $"""
            (CASE WHEN b.xid IS NULL THEN EXISTS (SELECT FROM {tables.Log} AS l WHERE l.binding = b.hash)
                ELSE EXISTS (SELECT FROM {tables.Log} AS l WHERE l.xid = b.xid AND l.binding = b.hash) END
                OR EXISTS (SELECT FROM {tables.Parked} AS p WHERE p.binding = b.hash))
            """;

        // An id whose webhook still waits does not retire.
        string bindingColumns =
            $"hash, fingerprint, idempotency_key, sequence_number, retires_at <= {Now} AND NOT (state = {Waiting} AND {waits})";
        Bound =
            $"""
            SELECT {bindingColumns} FROM {tables.Binding} AS b
            WHERE hash = ANY (ARRAY(SELECT decode(h, 'hex') FROM unnest(CAST($1 AS text)::text[]) AS h))
            """;
        Find =
            $"""
            SELECT {bindingColumns},
                CASE WHEN state = {Waiting} AND NOT {waits} THEN {(int)OutboxBindingState.Delivered} ELSE state::integer END
            FROM {tables.Binding} AS b WHERE hash = $1
            """;
        IsForeign = $"SELECT EXISTS (SELECT FROM {tables.Log} WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()))";
        LockMeta = $"SELECT 1 FROM {tables.Meta} FOR UPDATE";
        RestampBindings = RestampOf(tables.Binding);
        Restamp = RestampOf(tables.Log);
        KeepIdentifier = $"UPDATE {tables.Meta} SET system_identifier = $1 WHERE system_identifier IS DISTINCT FROM $1";
        Join =
            $"""
            INSERT INTO {tables.Worker} (worker, name, expires_at) VALUES ($1, $2, {Clock} + $3)
            ON CONFLICT (worker) DO UPDATE SET expires_at = excluded.expires_at
            """;
        Renew =
            $"""
            WITH mine AS (
                UPDATE {tables.Worker} SET expires_at = {Clock} + $2, is_draining = $3,
                    ({string.Join(", ", OutboxFigures.Columns)}) = ROW($4, $5, $6, $7, $8)
                WHERE worker = $1 RETURNING is_draining),
            others AS (SELECT expires_at > {Clock} AS is_alive, is_draining FROM {tables.Worker} WHERE worker <> $1)
            SELECT (SELECT count(*) FROM mine),
                (SELECT count(*) FROM mine WHERE NOT is_draining) + (SELECT count(*) FROM others WHERE is_alive AND NOT is_draining),
                (SELECT count(*) FROM others WHERE NOT is_alive),
                coalesce((SELECT revision FROM {tables.Switch} WHERE target = '{OutboxSwitch.All}'), 0)
            """;
        Bury =
            $"""
            DELETE FROM {tables.Worker} WHERE worker = ANY (ARRAY(
                SELECT worker FROM {tables.Worker} WHERE expires_at <= {Clock} AND worker <> $1 ORDER BY worker FOR UPDATE))
            """;
        Fence = $"SELECT 1 FROM {tables.Worker} WHERE worker = $1 FOR KEY SHARE";
        LockFreeLanes =
            $"""
            SELECT f.lane FROM {tables.Lane} AS f
            WHERE {noWorker} AND EXISTS (SELECT FROM {tables.Worker} AS w WHERE w.worker = $1)
            ORDER BY f.lane LIMIT $2 FOR NO KEY UPDATE OF f SKIP LOCKED
            """;
        TakeLanes =
            $"""
            UPDATE {tables.Lane} AS f SET worker = $1, epoch = epoch + 1,
                unclean = CASE WHEN f.worker IS NULL THEN 0 ELSE unclean + 1 END
            WHERE f.lane = ANY (CAST($2 AS text)::smallint[]) AND {noWorker}
            RETURNING lane, unclean
            """;
        string counts =
            "SET unclean = unclean + 1, is_on_trial = false, first_attempt_at = coalesce(first_attempt_at, enqueued_at)";
        CountLog =
            $"""
            UPDATE {tables.Log} {counts} WHERE ctid = ANY (ARRAY(
                SELECT r.ct FROM (
                    SELECT ctid AS ct, lane, unclean, is_on_trial FROM {tables.Log} ORDER BY xid, lane, id LIMIT $2) AS r
                WHERE ($1::bigint >> r.lane::integer) & 1 = 1 AND (r.is_on_trial OR r.unclean = 0) LIMIT $3))
            """;
        CountParked =
            $"""
            WITH RECURSIVE e AS (
                (SELECT lane, endpoint FROM {tables.Parked} ORDER BY lane, endpoint LIMIT 1)
                UNION ALL
                SELECT n.lane, n.endpoint FROM e CROSS JOIN LATERAL (
                    SELECT p.lane, p.endpoint FROM {tables.Parked} AS p
                    WHERE (p.lane, p.endpoint) > (e.lane, e.endpoint) ORDER BY p.lane, p.endpoint LIMIT 1) AS n)
            UPDATE {tables.Parked} {counts} WHERE ctid = ANY (ARRAY(
                SELECT r.ct FROM e CROSS JOIN LATERAL (
                    SELECT ctid AS ct, unclean, is_on_trial FROM {tables.Parked} AS p
                    WHERE p.lane = e.lane AND p.endpoint = e.endpoint AND p.due_at <= {Now}
                    ORDER BY p.due_at, p.id LIMIT $2) AS r
                WHERE ($1::bigint >> e.lane::integer) & 1 = 1 AND (r.is_on_trial OR r.unclean = 0) LIMIT $3))
            """;
        OwnedLanes = $"SELECT lane, unclean FROM {tables.Lane} WHERE worker = $1";
        ReturnLane = $"UPDATE {tables.Lane} SET worker = NULL, unclean = 0 WHERE lane = $2 AND worker = $1";
        ReturnLanes = $"UPDATE {tables.Lane} SET worker = NULL, unclean = 0 WHERE worker = $1";
        Leave = $"DELETE FROM {tables.Worker} WHERE worker = $1";
        Count =
            $"""
            SELECT l.n, p.n, d.n, {Now} - least(l.due, p.due), a.n,
                (SELECT count(*) FROM {tables.Lane} AS f WHERE NOT EXISTS (
                    SELECT FROM {tables.Worker} AS w WHERE w.worker = f.worker AND w.expires_at > {Now}))::integer,
                {string.Join(", ", OutboxFigures.Columns.Select(static column => "a." + column))}
            FROM (SELECT count(*)::integer AS n, {OutboxFigures.Sums("bigint")} FROM {tables.Worker} WHERE expires_at > {Now}) AS a,
                (SELECT count(*) AS n, min(not_before) AS due FROM {tables.Log}) AS l,
                (SELECT count(*) AS n, min(due_at) AS due FROM {tables.Parked}) AS p,
                (SELECT CASE WHEN count(*) <= {MaxCounted} THEN count(*) ELSE greatest(count(*), (
                        SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE oid = to_regclass('{tables.Dead}'))) END AS n
                    FROM (SELECT FROM {tables.Dead} LIMIT {MaxCounted + 1}) AS d) AS d
            """;
        ListWaiting =
            $"""
            (SELECT id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed FROM {tables.Parked}
                ORDER BY lane, endpoint, due_at, id LIMIT $1)
            UNION ALL
            (SELECT id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed FROM {tables.Log} ORDER BY xid, lane, id LIMIT $1)
            LIMIT $1
            """;
        PurgeDead = PurgeOf(tables.Dead, $"kept_until <= {Now} ORDER BY kept_until");
        PurgeBindings = PurgeOf(tables.Binding, $"kept_until <= {Now} AND state <> {Waiting} ORDER BY kept_until");
        PurgeDelivered =
            $"""
            DELETE FROM {tables.Binding} WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM {tables.Binding} AS b
                WHERE kept_until <= {Now} AND state = {Waiting} AND NOT {waits}
                ORDER BY kept_until LIMIT $1 FOR UPDATE SKIP LOCKED))
            RETURNING 1
            """;
        PurgeStreams = PurgeOf(tables.Stream, $"used_at <= {Now} - {(long)StreamKept.TotalMilliseconds}");
        Redrive =
            $"""
            WITH k AS MATERIALIZED (
                SELECT ctid AS ct FROM {tables.Dead} WHERE id = ANY (CAST($1 AS text)::bigint[]) ORDER BY id FOR UPDATE),
            d AS (DELETE FROM {tables.Dead} WHERE ctid = ANY (ARRAY(SELECT ct FROM k)) RETURNING *),
            {Waits(tables)},
            n AS (INSERT INTO {tables.Log} (lane, endpoint, tenant, attempts, enqueued_at, not_before, max_at, first_attempt_at,
                    horizon_at, key_id, binding, sealed)
                SELECT lane, endpoint, tenant, attempts, enqueued_at, {Now}, max_at, first_attempt_at, horizon_at, key_id, binding, sealed
                FROM d)
            SELECT id, pg_current_xact_id()::text FROM d
            """;
        RedriveNew =
            $"""
            WITH d AS (DELETE FROM {tables.Dead} WHERE id = $1 RETURNING *),
            {Waits(tables)},
            n AS (INSERT INTO {tables.Log} (lane, endpoint, tenant, enqueued_at, not_before, key_id, binding, sealed)
                SELECT lane, endpoint, tenant, enqueued_at, {Now}, $2, binding, $3 FROM d)
            SELECT id, pg_current_xact_id()::text FROM d
            """;
        CountLeft = $"SELECT count(*)::integer FROM {tables.Log} WHERE xid = CAST($1 AS text)::xid8";
        CountOthers =
            $"""
            SELECT count(*)::integer FROM (
                (SELECT FROM {tables.Log} WHERE xid > CAST($1 AS text)::xid8 ORDER BY xid, lane, id LIMIT $2)
                UNION ALL
                (SELECT FROM {tables.Log} WHERE xid < CAST($1 AS text)::xid8 ORDER BY xid DESC, lane DESC, id DESC LIMIT $2)
                LIMIT $2) AS o
            """;
        CountReasons =
            $"""
            SELECT r.n FROM unnest(CAST($1 AS text)::text[]) WITH ORDINALITY AS k(reason, place) CROSS JOIN LATERAL (
                SELECT count(*) AS n FROM (SELECT FROM {tables.Dead} AS d WHERE d.reason = k.reason LIMIT $2) AS d) AS r
            ORDER BY k.place
            """;
        ListWorkers =
            $"""
            SELECT w.worker, w.name, w.expires_at - {Now}, w.is_draining,
                coalesce((SELECT string_agg(lane::text, ',' ORDER BY lane) FROM {tables.Lane} AS l WHERE l.worker = w.worker), '')
            FROM {tables.Worker} AS w ORDER BY w.name, w.worker
            """;
        string switchColumns = "target, is_stopped, name, actor, reason, changed_at, revision";
        ReadSwitches = $"SELECT {switchColumns} FROM {tables.Switch} WHERE revision > $1 ORDER BY revision";
        LockSwitches = $"UPDATE {tables.Switch} SET revision = revision + 1 WHERE target = '{OutboxSwitch.All}'";
        SetSwitch =
            $"""
            INSERT INTO {tables.Switch} AS s (target, revision, changed_at, is_stopped, name, actor, reason)
            SELECT $1, a.revision, {Clock}, $2, $3, $4, $5 FROM {tables.Switch} AS a
            WHERE a.target = '{OutboxSwitch.All}' AND (EXISTS (SELECT FROM {tables.Switch} AS k WHERE k.target = $1)
                OR (SELECT count(*) FROM {tables.Switch}) < $6)
            ON CONFLICT (target) DO UPDATE SET revision = excluded.revision, changed_at = excluded.changed_at,
                is_stopped = excluded.is_stopped, name = excluded.name, actor = excluded.actor, reason = excluded.reason
            RETURNING {switchColumns}
            """;
        PurgeSwitches = PurgeOf(
            tables.Switch,
            $"NOT is_stopped AND target <> '{OutboxSwitch.All}' AND changed_at <= {Now} - "
            + $"{(long)OutboxSwitchTable.ResetKept.TotalMilliseconds}");
        string waitingColumns = "id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed";
        ListParkedEndpoints =
            $"""
            WITH RECURSIVE e AS (
                (SELECT lane, endpoint FROM {tables.Parked} ORDER BY lane, endpoint LIMIT 1)
                UNION ALL
                SELECT n.lane, n.endpoint FROM e CROSS JOIN LATERAL (
                    SELECT p.lane, p.endpoint FROM {tables.Parked} AS p
                    WHERE (p.lane, p.endpoint) > (e.lane, e.endpoint) ORDER BY p.lane, p.endpoint LIMIT 1) AS n)
            SELECT r.* FROM (SELECT lane, endpoint FROM e LIMIT $1) AS e CROSS JOIN LATERAL (
                SELECT {waitingColumns} FROM {tables.Parked} AS p
                WHERE p.lane = e.lane AND p.endpoint = e.endpoint ORDER BY p.due_at, p.id LIMIT 1) AS r
            """;
        CountParkedOfEndpoints =
            $"""
            SELECT r.n FROM unnest(CAST($1 AS text)::bigint[]) WITH ORDINALITY AS k(endpoint, place) CROSS JOIN LATERAL (
                SELECT count(*) AS n FROM (
                    SELECT FROM {tables.Parked} AS p
                    WHERE p.lane = ANY (ARRAY(SELECT lane FROM {tables.Lane})) AND p.endpoint = k.endpoint LIMIT $2) AS p) AS r
            ORDER BY k.place
            """;
        FindParked =
            $"""
            SELECT {waitingColumns} FROM {tables.Parked}
            WHERE lane = ANY (ARRAY(SELECT lane FROM {tables.Lane})) AND endpoint = $1 LIMIT 1
            """;
        SearchLog =
            $"""
            SELECT o.id, o.lane, o.endpoint, o.tenant, o.key_id, o.attempts, o.enqueued_at,
                CASE WHEN $5::bigint IS NULL OR o.tenant = $5 THEN o.sealed END, o.xid::text
            FROM {tables.Log} AS o WHERE (o.xid, o.lane, o.id) > (CAST($1 AS text)::xid8, $2, $3) ORDER BY o.xid, o.lane, o.id LIMIT $4
            """;
        string locked = $"WHERE id = ANY (CAST($1 AS text)::bigint[]) ORDER BY id FOR UPDATE";
        LockDead =
            $"""
            WITH k AS MATERIALIZED (SELECT id FROM {tables.Dead} {locked}) SELECT id, NULL::text FROM k WHERE id < 0
            """;
        Discard = $"DELETE FROM {tables.Dead} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {tables.Dead} {locked}))";
    }

    internal string Installation { get; }

    /// <summary>Says which server, database and table a session sees; the last column is the table that rows are appended to.</summary>
    internal string Identity { get; }

    /// <summary>Draws numbers: $1 streams in order of their names, $2 how many of each.</summary>
    internal string Draw { get; }

    /// <summary>Keeps the number $2 of the webhook under the delivery id $1.</summary>
    internal string KeepNumber { get; }

    /// <summary>Binds ids that are not bound yet, in order of their hashes.</summary>
    internal string Bind { get; }

    /// <summary>Reads the bindings of the hashes $1.</summary>
    internal string Bound { get; }

    /// <summary>Reads the binding of the hash $1.</summary>
    internal string Find { get; }

    /// <summary>Says whether the log has rows of transactions that have not begun: those of another cluster.</summary>
    internal string IsForeign { get; }

    internal string LockMeta { get; }

    /// <summary>Gives such rows the current transaction, so that they are new once.</summary>
    internal string Restamp { get; }

    /// <summary>Gives the delivery ids of such rows the current transaction too.</summary>
    internal string RestampBindings { get; }

    internal string KeepIdentifier { get; }

    /// <summary>Adds the worker $1 named $2 with a lease of $3.</summary>
    internal string Join { get; }

    /// <summary>
    /// Renews worker $1 for $2, draining if $3, with its figures $4 to $8: whether it is there, how many work, how many have expired.
    /// </summary>
    internal string Renew { get; }

    /// <summary>Deletes expired workers except $1, in order of their ids. Waits for their settlements.</summary>
    internal string Bury { get; }

    internal string Fence { get; }

    /// <summary>Locks free lanes that worker $1 may take, at most $2.</summary>
    internal string LockFreeLanes { get; }

    /// <summary>
    /// Takes those of the locked lanes $2 that are free still. A statement of its own: a worker that joined and took a lane after the first
    /// statement began is only seen by a later snapshot.
    /// </summary>
    internal string TakeLanes { get; }

    /// <summary>
    /// Counts rows of the log that the dead owner of the lanes $1 may have been sending, at most $3: they are among the oldest $2, because
    /// later ones were not in its memory.
    /// </summary>
    internal string CountLog { get; }

    /// <summary>
    /// Counts parked rows that the dead owner of the lanes $1 may have been sending, at most $2 of an endpoint and $3 in all.
    /// </summary>
    internal string CountParked { get; }

    internal string OwnedLanes { get; }

    internal string ReturnLane { get; }

    internal string ReturnLanes { get; }

    internal string Leave { get; }

    internal string Count { get; }

    internal string ListWaiting { get; }

    internal string PurgeDead { get; }

    /// <summary>Deletes delivery ids of dead letters, at most $1, and of webhooks that a release before version 6 delivered.</summary>
    internal string PurgeBindings { get; }

    /// <summary>Deletes delivery ids whose webhook is in no table, at most $1.</summary>
    internal string PurgeDelivered { get; }

    internal string PurgeStreams { get; }

    /// <summary>Moves the dead letters $1 to the log.</summary>
    internal string Redrive { get; }

    /// <summary>Moves the dead letter $1 to the log as a new delivery: $2 key id, $3 bytes.</summary>
    internal string RedriveNew { get; }

    /// <summary>Counts the rows of the log of the transaction $1.</summary>
    internal string CountLeft { get; }

    /// <summary>Counts the rows of the log of other transactions than $1, at most $2, the later ones first and then back in time.</summary>
    internal string CountOthers { get; }

    internal string Discard { get; }

    /// <summary>Counts the dead letters of each of the reasons $1, at most $2 of each.</summary>
    internal string CountReasons { get; }

    /// <summary>Lists the workers with their lanes.</summary>
    internal string ListWorkers { get; }

    /// <summary>Reads the switches with a revision above $1.</summary>
    internal string ReadSwitches { get; }

    /// <summary>Takes the next revision, and excludes other changes of switches until the commit.</summary>
    internal string LockSwitches { get; }

    /// <summary>Sets the switch $1 to $2, with name $3, actor $4 and reason $5, unless there are $6 others.</summary>
    internal string SetSwitch { get; }

    internal string PurgeSwitches { get; }

    /// <summary>Lists the endpoints that have parked rows, at most $1, by the first row of each.</summary>
    internal string ListParkedEndpoints { get; }

    /// <summary>Counts the parked rows of each of the endpoints $1, at most $2 of each.</summary>
    internal string CountParkedOfEndpoints { get; }

    /// <summary>Returns a parked row of the endpoint $1.</summary>
    internal string FindParked { get; }

    /// <summary>Locks the dead letters $1 in the order of their ids, and returns no row.</summary>
    internal string LockDead { get; }

    /// <summary>Reads the log after the key $1 to $3, at most $4 rows; those of other tenants than $5 without their bytes.</summary>
    internal string SearchLog { get; }

    /// <summary>
    /// Appends a row: $4 the earliest time of its first attempt, NULL for at once. Like all that append, it also answers in its last
    /// columns whether the commit may be lost, and to which table the row was appended.
    /// </summary>
    internal string Append { get; }

    /// <summary>
    /// Appends rows: arrays of their columns, $10 the bytes of all, $11 the first byte of each, $12 how many it has. Behind them stands
    /// the hash of the row's delivery id if $8 is at least 1, and the fingerprint if it is 2.
    /// </summary>
    internal string AppendMany { get; }

    /// <summary>
    /// Appends a row together with its delivery id: also $11 the fingerprint, $12 the key, $13 the time until the id is retired, and $14
    /// until it is forgotten. If the id is bound already, there is no row.
    /// </summary>
    internal string AppendOneBound { get; }

    /// <summary>
    /// Appends rows together with their delivery ids, if $8 is 2: also $13 the keys, $14 the times until the ids are retired, and $15
    /// those until they are forgotten. A row whose id is bound already is left out.
    /// </summary>
    internal string AppendBound { get; }

    /// <summary>Returns the query for dead letters: $1 the id above them, $2 the limit, then the filter's values.</summary>
    internal string ListDead(OutboxDeadFilter filter) =>
        $"SELECT {DeadColumns} FROM {_tables.Dead} WHERE id < $1{Conditions(filter, 2)} ORDER BY id DESC LIMIT $2";

    /// <summary>Returns the query for the newest dead letters by the hash of their key: $1 the limit, $2 the hash.</summary>
    internal string ListDeadByKey(long? keyHash) => ByKey(DeadColumns, _tables.Dead, keyHash);

    /// <summary>Returns the query for the newest parked rows by the hash of their key: $1 the limit, $2 the hash.</summary>
    internal string ListParkedByKey(long? keyHash) =>
        ByKey("id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed", _tables.Parked, keyHash);

    /// <summary>Returns the query for the ids of dead letters, with the same parameters.</summary>
    internal string ListDeadIds(OutboxDeadFilter filter) =>
        $"SELECT id FROM {_tables.Dead} WHERE id < $1{Conditions(filter, 2)} ORDER BY id DESC LIMIT $2";

    /// <summary>Returns the query that counts dead letters: $1 the most, then the filter's values.</summary>
    internal string CountDead(OutboxDeadFilter filter) =>
        $"SELECT count(*) FROM (SELECT FROM {_tables.Dead} WHERE true{Conditions(filter, 1)} LIMIT $1) AS r";

    /// <summary>Returns the query for the number of rows that the planner expects for a filter. Its parameters are the filter's.</summary>
    internal string EstimateDead(OutboxDeadFilter filter) =>
        $"EXPLAIN (FORMAT JSON) SELECT FROM {_tables.Dead} WHERE true{Conditions(filter, 0)}";

    /// <summary>Returns the query for the plan of a number of reasons, which are its parameters: one part of the plan for each.</summary>
    internal string EstimateReasons(int reasons) => "EXPLAIN (FORMAT JSON) " + string.Join(
        " UNION ALL ",
        Enumerable.Range(1, reasons).Select(parameter => string.Create(
            CultureInfo.InvariantCulture, $"SELECT id FROM {_tables.Dead} WHERE reason = ${parameter}")));

    /// <summary>
    /// The rows of a hash are few, and are sorted after they were found: OFFSET keeps the planner from reading all rows in the order of
    /// their ids.
    /// </summary>
    private static string ByKey(string columns, string table, long? keyHash) => keyHash is null
        ? $"SELECT {columns} FROM {table} WHERE key_hash IS NULL ORDER BY id DESC LIMIT $1"
        : $"SELECT {columns} FROM (SELECT * FROM {table} WHERE key_hash = $2 OFFSET 0) AS o ORDER BY id DESC LIMIT $1";

    /// <summary>Returns the conditions of a filter whose values follow a number of parameters.</summary>
    private static string Conditions(OutboxDeadFilter filter, int parameters)
    {
        StringBuilder sql = new();
        foreach ((string column, bool isUsed) in new[]
        {
            ("tenant", filter.Tenant is not null), ("endpoint", filter.Endpoint is not null),
            ("notification_type", filter.NotificationType is not null), ("reason", filter.Reason is not null),
        })
        {
            if (isUsed)
            {
                sql.Append(CultureInfo.InvariantCulture, $" AND {column} = ${++parameters}");
            }
        }

        if (filter.Ids is not null)
        {
            sql.Append(CultureInfo.InvariantCulture, $" AND id = ANY (CAST(${++parameters} AS text)::bigint[])");
        }

        return sql.ToString();
    }

    /// <summary>Returns the part of a statement that lets the bindings of the dead letters d say "waiting".</summary>
    private static string Waits(OutboxTables tables) =>
        $"""
        b AS (UPDATE {tables.Binding} SET state = {Waiting}, xid = pg_current_xact_id() WHERE ctid = ANY (ARRAY(
                SELECT o.ct FROM d CROSS JOIN LATERAL (
                    SELECT ctid AS ct FROM {tables.Binding} AS o WHERE o.hash = d.binding LIMIT 1) AS o
                WHERE d.binding IS NOT NULL)))
        """;

    /// <summary>Returns the rows of a statement, with $1 to $9, $11 and $12 as arrays.</summary>
    private static string RowsOf(string arrays = "", string names = "") =>
        $"""
        (SELECT k.*, CASE WHEN k.hashes > 0 THEN substring($10 FROM k.start + k.length FOR {Hash}) END AS hash
             FROM unnest(CAST($1 AS text)::smallint[], CAST($2 AS text)::bigint[],
                CAST($3 AS text)::bigint[], CAST($4 AS text)::bigint[], CAST($5 AS text)::bigint[], CAST($6 AS text)::bigint[],
                CAST($7 AS text)::bigint[], CAST($8 AS text)::smallint[], CAST($9 AS text)::text[], CAST($11 AS text)::integer[],
                CAST($12 AS text)::integer[]{arrays})
                WITH ORDINALITY AS k(
                    lane, endpoint, tenant, earliest, age, stream, number, hashes, key_id, start, length{names}, place)) AS k
        """;

    private static string RestampOf(string table) =>
        $"UPDATE {table} SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())";

    private static string PurgeOf(string table, string condition) =>
        $"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT $1 FOR UPDATE SKIP LOCKED))";
}
