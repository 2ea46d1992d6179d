namespace Adcp.Aot.Storage;

/// <summary>The statements of a reader and a settler on PostgreSQL. Times are milliseconds since 1970.</summary>
/// <remarks>
/// Three rules keep their plans on the keys, whatever the statistics say. Discovery has no filter beside the key: a lane mask in WHERE
/// makes the planner sort everything that is new, so rows of other lanes come back without their bytes. A settlement finds each row by a
/// LATERAL subquery with LIMIT 1, and takes the rows by ctid: a join is turned round as soon as a vacuum has seen no live row. Values that
/// belong to a row are looked up in one JSON object by the row's id, because a join by id could become a nested loop.
/// </remarks>
internal sealed record PostgreSqlOutboxStatements
{
    /// <summary>The time, read once for a statement and not for each of its rows.</summary>
    private static readonly string Now = $"(SELECT {SqlClock.Now(SqlDialect.PostgreSql)})";

    private static readonly string Row =
        $"r.lane, r.xid::text, r.id, r.endpoint, r.tenant, r.attempts, r.unclean, r.not_before - {Now}, r.until_at - {Now}, r.key_id, "
        + "r.sealed, r.stream";

    /// <summary>The time at which the attempt began.</summary>
    private static readonly string Attempted = $"{Now} - (c.v ->> 9)::bigint";

    /// <summary>
    /// Begins a row's horizon with its first attempt, and never again: both times are set once. A takeover may have assumed the attempt.
    /// </summary>
    private static readonly string Begins =
        $"coalesce(o.first_attempt_at, CASE WHEN (c.v ->> 1)::integer > 0 THEN {Attempted} END), "
        + "coalesce(o.horizon_at, CASE WHEN (c.v ->> 2)::bigint > 0 THEN coalesce(o.first_attempt_at, "
        + $"CASE WHEN (c.v ->> 1)::integer > 0 THEN {Attempted} END) + (c.v ->> 2)::bigint END)";

    /// <summary>The stream that waits for a parked row.</summary>
    private const string Stream = "CASE WHEN (c.v ->> 6)::boolean THEN NULL ELSE o.stream END";

    /// <summary>The hash of the idempotency key. The log has none, because its rows are written once and read once.</summary>
    private const string KeyHash = "(c.v ->> 8)::bigint";

    /// <summary>The status of a row that was attempted, or was not yet.</summary>
    private const string StatusOfLog = "coalesce((c.v ->> 3)::integer, 0)";

    /// <summary>The status of a row that was attempted, or that of its last attempt.</summary>
    private const string StatusOfParked = "coalesce((c.v ->> 3)::integer, o.status_code)";

    /// <param name="tables">The tables.</param>
    /// <param name="deadKept">The time for which dead letters are kept.</param>
    internal PostgreSqlOutboxStatements(OutboxTables tables, TimeSpan deadKept)
    {
        Look = LookOf(tables, "");
        LookLate = LookOf(
            tables,
            $"""
             OR EXISTS (SELECT FROM unnest(CAST($2 AS text)::xid8[]) AS x(was) CROSS JOIN LATERAL (
                SELECT 1 FROM {tables.Log} AS o WHERE o.xid = x.was LIMIT 1) AS o)
            """);
        Discover = DiscoverOf(tables, "");
        DiscoverLate = DiscoverOf(
            tables,
            $"""
            UNION ALL
            (SELECT y.* FROM unnest(CAST($8 AS text)::xid8[]) AS x(was) CROSS JOIN LATERAL (
                SELECT {Columns("$6")} FROM {tables.Log} AS o
                WHERE o.xid = x.was AND (o.xid, o.lane, o.id) > (CAST($9 AS text)::xid8, $10, $11)
                ORDER BY o.xid, o.lane, o.id LIMIT $5) AS y
             ORDER BY xid, lane, id LIMIT $5)
            ORDER BY xid, lane, id LIMIT $5
            """);
        ListParked =
            $"""
            WITH RECURSIVE e AS (
                (SELECT endpoint, due_at, tenant FROM {tables.Parked} WHERE lane = $1 ORDER BY endpoint, due_at LIMIT 1)
                UNION ALL
                SELECT n.endpoint, n.due_at, n.tenant FROM e CROSS JOIN LATERAL (
                    SELECT p.endpoint, p.due_at, p.tenant FROM {tables.Parked} AS p
                    WHERE p.lane = $1 AND p.endpoint > e.endpoint ORDER BY p.endpoint, p.due_at LIMIT 1) AS n)
            SELECT e.endpoint, e.tenant, greatest(e.due_at - {Now}, 0), s.attempts, s.was_refused
            FROM e CROSS JOIN LATERAL (
                SELECT sum(u.attempts) AS attempts,
                    coalesce(bool_or(u.reason = '{OutboxReasons.CircuitOpen}'), false) AS was_refused
                FROM (
                    (SELECT due_at, id, attempts, reason FROM {tables.Parked} WHERE lane = $1 AND endpoint = e.endpoint
                     ORDER BY due_at, id LIMIT {OutboxParkedEndpoint.Sample})
                    UNION
                    (SELECT due_at, id, attempts, reason FROM {tables.Parked} WHERE lane = $1 AND endpoint = e.endpoint
                     ORDER BY due_at DESC, id DESC LIMIT {OutboxParkedEndpoint.Sample})) AS u) AS s
            """;
        ReadParked =
            $"""
            SELECT due_at, id, tenant, attempts, unclean, due_at - {Now}, coalesce(horizon_at, max_at) - {Now},
                key_id, CASE WHEN due_at <= {Now} THEN sealed END, stream
            FROM {tables.Parked}
            WHERE lane = $1 AND endpoint = $2 AND (due_at, id) > ($3, $4)
            ORDER BY due_at, id LIMIT $5
            """;
        ReadHeads =
            $"""
            SELECT h.is_parked, h.lane, h.xid::text, h.id, h.endpoint, h.tenant, h.attempts, h.unclean, h.due_at,
                h.due_at - {Now}, h.until_at - {Now}, h.key_id, h.sealed, k.stream
            FROM unnest(CAST($1 AS text)::bigint[]) AS k(stream) CROSS JOIN LATERAL (
                SELECT * FROM (
                    (SELECT false AS is_parked, o.number, o.lane, o.xid, o.id, o.endpoint, o.tenant, o.attempts, o.unclean,
                        o.not_before AS due_at, coalesce(o.horizon_at, o.max_at) AS until_at, o.key_id, o.sealed
                     FROM {tables.Log} AS o WHERE o.stream = k.stream ORDER BY o.number LIMIT 1)
                    UNION ALL
                    (SELECT true, o.number, o.lane, '0'::xid8, o.id, o.endpoint, o.tenant, o.attempts, o.unclean,
                        o.due_at, coalesce(o.horizon_at, o.max_at), o.key_id, o.sealed
                     FROM {tables.Parked} AS o WHERE o.stream = k.stream ORDER BY o.number LIMIT 1)) AS u
                ORDER BY u.number LIMIT 1) AS h
            """;
        string log =
            $"""
            SELECT o.ct FROM unnest(CAST($2 AS text)::smallint[], CAST($3 AS text)::xid8[], CAST($4 AS text)::bigint[]) AS k(l, x, i)
            CROSS JOIN LATERAL (
                SELECT ctid AS ct FROM {tables.Log} AS o WHERE o.xid = k.x AND o.lane = k.l AND o.id = k.i LIMIT 1) AS o
            WHERE EXISTS (SELECT FROM mine)
            """;
        string parked =
            $"""
            SELECT o.ct FROM unnest(CAST($2 AS text)::smallint[], CAST($3 AS text)::bigint[], CAST($4 AS text)::bigint[],
                CAST($5 AS text)::bigint[]) AS k(l, e, d, i)
            CROSS JOIN LATERAL (
                SELECT ctid AS ct FROM {tables.Parked} AS o
                WHERE o.lane = k.l AND o.endpoint = k.e AND o.due_at = k.d AND o.id = k.i LIMIT 1) AS o
            WHERE EXISTS (SELECT FROM mine)
            """;
        string fence = $"WITH mine AS MATERIALIZED (SELECT 1 FROM {tables.Worker} WHERE worker = $1 FOR KEY SHARE)";
        string fromLog = $"d AS (DELETE FROM {tables.Log} WHERE ctid = ANY (ARRAY({log})) RETURNING *)";
        string fromParked = $"d AS (DELETE FROM {tables.Parked} WHERE ctid = ANY (ARRAY({parked})) RETURNING *)";

        // The delivery ids stay as they are: an id whose webhook is in no table was delivered.
        DeliveredLog = $"{fence} DELETE FROM {tables.Log} WHERE ctid = ANY (ARRAY({log})) RETURNING id";
        DeliveredParked = $"{fence} DELETE FROM {tables.Parked} WHERE ctid = ANY (ARRAY({parked})) RETURNING id";
        ParkLog =
            $"""
            {fence}, {Values("$5")}, {fromLog}
            INSERT INTO {tables.Parked} (lane, endpoint, due_at, id, tenant, attempts, unclean, enqueued_at, max_at, first_attempt_at,
                horizon_at, status_code, reason, key_id, stream, number, binding, key_hash, sealed)
            SELECT o.lane, o.endpoint, {Now} + (c.v ->> 0)::bigint, o.id, o.tenant, (c.v ->> 1)::integer, (c.v ->> 5)::integer,
                o.enqueued_at, o.max_at, {Begins}, {StatusOfLog}, c.v ->> 4, o.key_id, {Stream}, o.number, o.binding, {KeyHash}, o.sealed
            FROM d AS o {ValuesOf("o.id")}
            RETURNING id
            """;
        ParkParked =
            $"""
            {fence}, {Values("$6")}
            UPDATE {tables.Parked} AS o
            SET (due_at, attempts, first_attempt_at, horizon_at, status_code, reason, unclean, stream, is_on_trial, key_hash) = (
                SELECT greatest({Now} + (c.v ->> 0)::bigint, o.due_at + 1), (c.v ->> 1)::integer, {Begins}, {StatusOfParked}, c.v ->> 4,
                    (c.v ->> 5)::integer, {Stream}, false, coalesce({KeyHash}, o.key_hash)
                FROM (SELECT (SELECT v FROM p) -> o.id::text AS v) AS c)
            WHERE ctid = ANY (ARRAY({parked}))
            RETURNING id
            """;
        TrialLog = $"{fence} UPDATE {tables.Log} SET is_on_trial = true WHERE ctid = ANY (ARRAY({log})) RETURNING id";
        TrialParked = $"{fence} UPDATE {tables.Parked} SET is_on_trial = true WHERE ctid = ANY (ARRAY({parked})) RETURNING id";
        DeadLog = DeadOf($"{fence}, {Values("$5")}, {fromLog}", KeyHash, StatusOfLog, tables, deadKept);
        DeadParked = DeadOf($"{fence}, {Values("$6")}, {fromParked}", $"coalesce({KeyHash}, o.key_hash)", StatusOfParked, tables, deadKept);
    }

    /// <summary>
    /// Looks for a row of a transaction from $1 on: the statement's snapshot, whether there is such a row, and whether the session's
    /// defaults are those of <see cref="PostgreSqlCommands.Begin"/>. It needs no guards, because it is planned each time it runs, from the
    /// table's size at that time.
    /// </summary>
    internal string Look { get; init; }

    /// <summary>Also looks at the transactions that ran when the watermark was taken: $2 their ids.</summary>
    internal string LookLate { get; init; }

    /// <summary>
    /// Reads a page of rows: $1 lane mask, $2 to $4 the key before the page, $5 the limit, $6 the snapshot that sees them or NULL for all,
    /// $7 the first transaction beyond it.
    /// </summary>
    internal string Discover { get; init; }

    /// <summary>
    /// Also looks at the transactions that ran when an earlier snapshot was taken: $8 their ids, $9 to $11 the key before the page.
    /// </summary>
    internal string DiscoverLate { get; init; }

    /// <summary>Lists the endpoints of the lane $1 with the first due time of each, one index descent for each endpoint.</summary>
    internal string ListParked { get; init; }

    /// <summary>
    /// Reads the parked rows of lane $1 and endpoint $2 after ($3, $4), at most $5; those that are not due without their bytes.
    /// </summary>
    internal string ReadParked { get; init; }

    /// <summary>Reads the row with the lowest number of each of the streams $1, from the log or the parked rows.</summary>
    internal string ReadHeads { get; init; }

    /// <summary>Marks rows of the log as under way: $1 worker, $2 lanes, $3 transactions, $4 ids.</summary>
    internal string TrialLog { get; init; }

    /// <summary>Marks parked rows as under way: $1 worker, $2 lanes, $3 endpoints, $4 due times, $5 ids.</summary>
    internal string TrialParked { get; init; }

    /// <summary>Deletes rows of the log: $1 worker, $2 lanes, $3 transactions, $4 ids.</summary>
    internal string DeliveredLog { get; init; }

    /// <summary>Moves rows of the log to the parked rows: $5 values by id.</summary>
    internal string ParkLog { get; init; }

    /// <summary>Moves rows of the log to the dead letters: $5 values by id.</summary>
    internal string DeadLog { get; init; }

    /// <summary>Deletes parked rows: $1 worker, $2 lanes, $3 endpoints, $4 due times, $5 ids.</summary>
    internal string DeliveredParked { get; init; }

    /// <summary>Moves parked rows to another due time: $6 values by id.</summary>
    internal string ParkParked { get; init; }

    /// <summary>Moves parked rows to the dead letters: $6 values by id.</summary>
    internal string DeadParked { get; init; }

    /// <summary>
    /// Returns the guards of a settlement. The time-outs end it, on the server too, before the lease that it holds against a takeover.
    /// </summary>
    internal static string SettleGuards(TimeSpan timeout)
    {
        string milliseconds = string.Create(null, $"{(long)timeout.TotalMilliseconds}");
        return PostgreSqlCommands.Guards
            + $", set_config('statement_timeout', '{milliseconds}', true)"
            + $", set_config('idle_in_transaction_session_timeout', '{milliseconds}', true)";
    }

    private static string LookOf(OutboxTables tables, string late) =>
        $"""
        SELECT pg_current_snapshot()::text,
            (SELECT true FROM {tables.Log} AS o WHERE o.xid >= CAST($1 AS text)::xid8
             ORDER BY o.xid, o.lane, o.id LIMIT 1) IS NOT NULL{late},
            current_setting('transaction_isolation') = 'read committed' AND current_setting('transaction_read_only') = 'off'
        """;

    private static string DiscoverOf(OutboxTables tables, string late) =>
        $"""
        WITH s AS MATERIALIZED (SELECT pg_current_snapshot()::text AS s)
        SELECT {Row}, s.s
        FROM s LEFT JOIN LATERAL (
            (SELECT {Columns("$6")} FROM {tables.Log} AS o
             WHERE (o.xid, o.lane, o.id) > (CAST($2 AS text)::xid8, $3, $4) AND o.xid < CAST($7 AS text)::xid8
             ORDER BY o.xid, o.lane, o.id LIMIT $5)
            {late}) AS r ON true
        """;

    /// <summary>Returns the columns of a row. The bytes are those of the caller's lanes that the snapshot sees, else NULL.</summary>
    private static string Columns(string snapshot) =>
        $"""
        o.lane, o.xid, o.id, o.endpoint, o.tenant, o.attempts, o.unclean, o.not_before, o.key_id, o.stream,
                coalesce(o.horizon_at, o.max_at) AS until_at, CASE WHEN ($1::bigint >> o.lane::integer) & 1 = 1
                    AND (CAST({snapshot} AS text) IS NULL OR pg_visible_in_snapshot(o.xid, CAST({snapshot} AS text)::pg_snapshot))
                THEN o.sealed END AS sealed
        """;

    private static string Values(string parameter) => $"p AS MATERIALIZED (SELECT CAST({parameter} AS text)::jsonb AS v)";

    private static string ValuesOf(string id) => $"CROSS JOIN LATERAL (SELECT (SELECT v FROM p) -> {id}::text AS v) AS c";

    /// <summary>
    /// Returns the statement that moves rows to the dead letters. Their delivery ids are remembered for at least as long. The transactions
    /// of the ids become unknown, because a process of the release before redrives rows without setting them.
    /// </summary>
    private static string DeadOf(string rows, string keyHash, string status, OutboxTables tables, TimeSpan deadKept) =>
        $"""
        {rows},
        b AS (UPDATE {tables.Binding} SET state = {(int)OutboxBindingState.Dead}, xid = NULL,
            kept_until = greatest(kept_until, {Now} + {(long)deadKept.TotalMilliseconds}) WHERE ctid = ANY (ARRAY(
            SELECT o.ct FROM d CROSS JOIN LATERAL (
                SELECT ctid AS ct FROM {tables.Binding} AS o WHERE o.hash = d.binding LIMIT 1) AS o
            WHERE d.binding IS NOT NULL)))
        INSERT INTO {tables.Dead} (id, lane, endpoint, tenant, attempts, unclean, enqueued_at, max_at, first_attempt_at, horizon_at,
            ended_at, kept_until, status_code, reason, key_id, binding, notification_type, key_hash, sealed)
        SELECT o.id, o.lane, o.endpoint, o.tenant, (c.v ->> 1)::integer, o.unclean, o.enqueued_at, o.max_at, {Begins}, {Now},
            {Now} + {(long)deadKept.TotalMilliseconds}, {status}, c.v ->> 4, o.key_id, o.binding,
            (c.v ->> 7)::bigint, {keyHash}, o.sealed
        FROM d AS o {ValuesOf("o.id")}
        RETURNING id
        """;
}
