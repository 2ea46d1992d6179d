namespace Adcp.Aot.Storage;

/// <summary>
/// The statements of an outbox on SQLite. Lists of rows are one parameter of JSON; <c>@p1</c> is the time if there is one.
/// </summary>
internal sealed class SqliteOutboxStatements
{
    internal const string Checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
    internal const string DataVersion = "PRAGMA data_version";
    internal const string LastId = "SELECT last_insert_rowid()";

    internal static readonly string Now = $"SELECT {SqlClock.Now(SqlDialect.Sqlite)}";

    /// <summary>The columns that a row keeps when it moves, before those that a change writes.</summary>
    private const string Kept = "id, lane, endpoint, tenant, key_id, binding, enqueued_at, max_at";

    /// <summary>Starts the horizon with the first attempt and never extends it.</summary>
    private const string Written =
        """
        k.attempts,
            CASE WHEN k.attempts > 0 THEN coalesce(r.first_attempt_at, @p1 - k.since) ELSE r.first_attempt_at END,
            coalesce(r.horizon_at, CASE WHEN k.horizon > 0
                THEN coalesce(r.first_attempt_at, CASE WHEN k.attempts > 0 THEN @p1 - k.since END) + k.horizon END),
            k.reason
        """;

    /// <summary>The status of a row that was attempted, or was not yet.</summary>
    private const string StatusOfLog = "coalesce(k.status_code, 0)";

    /// <summary>The status of a row that was attempted, or that of its last attempt.</summary>
    private const string StatusOfParked = "coalesce(k.status_code, r.status_code)";

    private const string KeysOfChanges =
        """
        WITH k AS MATERIALIZED (SELECT value ->> 0 AS id, value ->> 1 AS due_at, value ->> 2 AS delay, value ->> 3 AS attempts,
            value ->> 4 AS horizon, value ->> 5 AS reason, value ->> 6 AS status_code, value ->> 7 AS unclean,
            value ->> 8 AS leaves_order, value ->> 9 AS type, value ->> 10 AS key_hash, value ->> 11 AS since
            FROM json_each(@p2))
        """;

    /// <summary>The dead letters of a sample.</summary>
    private const int SampleRows = 1_000;

    /// <summary>The due rows of the log, by id, among which the one is looked for that has been due for the longest time.</summary>
    private const int SearchedRows = 1_000;

    private const int Waiting = (int)OutboxBindingState.Waiting;
    private const int ByTenant = 1;
    private const int ByEndpoint = 2;
    private const int ByReason = 4;
    private const int ByType = 8;
    private const int ByIds = 16;

    private readonly string[] _listDead;
    private readonly string[] _listDeadIds;
    private readonly string[] _countDead;

    internal SqliteOutboxStatements(OutboxTables t)
    {
        string moved = string.Join(", ", Kept.Split(", ").Select(static name => "r." + name));
        string fromLog = $"FROM k CROSS JOIN {t.Log} r ON r.id = k.id";
        string fromParked = $"FROM k CROSS JOIN {t.Parked} r ON r.id = k.id AND r.due_at = k.due_at";
        string toDead =
            $"INSERT INTO {t.Dead} ({Kept}, unclean, attempts, first_attempt_at, horizon_at, reason, status_code, ended_at, kept_until, "
            + "notification_type, key_hash, sealed)";
        string DeadOf(string status) => $"SELECT {moved}, r.unclean, {Written}, {status}, @p1, @p1 + @p3, k.type";

        Installation = $"SELECT installation, format FROM {t.Meta}";
        Append =
            $"""
            INSERT INTO {t.Log} (enqueued_at, lane, endpoint, tenant, key_id, binding, not_before, max_at, sealed, stream, number)
            VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11)
            """;
        Draw =
            $"""
            INSERT INTO {t.Stream} (stream, number, used_at) VALUES (@p2, 1, @p1)
            ON CONFLICT (stream) DO UPDATE SET number = number + 1, used_at = excluded.used_at RETURNING number
            """;
        Bind =
            $"""
            INSERT INTO {t.Binding} (hash, fingerprint, idempotency_key, state, retires_at, kept_until)
            VALUES (@p1, @p2, @p3, {Waiting}, @p4, @p5)
            ON CONFLICT (hash) DO NOTHING
            """;
        string waits =
            $"""
            (EXISTS (SELECT 1 FROM {t.Log} l WHERE l.id = b.row_id) OR EXISTS (SELECT 1 FROM {t.Parked} p WHERE p.id = b.row_id))
            """;
        Find =
            $"""
            SELECT fingerprint, idempotency_key, sequence_number,
                CASE WHEN state = {Waiting} AND NOT {waits} THEN {(int)OutboxBindingState.Delivered} ELSE state END, retires_at, kept_until
            FROM {t.Binding} b WHERE hash = @p1
            """;
        KeepNumber = $"UPDATE {t.Binding} SET sequence_number = @p2 WHERE hash = @p1";
        LetBindingWait = $"UPDATE {t.Binding} SET state = {Waiting} WHERE hash = @p1";
        EndBinding = $"UPDATE {t.Binding} SET state = {(int)OutboxBindingState.Dead}, kept_until = max(kept_until, @p1) WHERE hash = @p2";

        Join =
            $"INSERT INTO {t.Worker} (worker, name, expires_at, has_lock) VALUES (@p2, @p3, @p1 + @p4, @p5)";
        Renew =
            $"""
            UPDATE {t.Worker} SET expires_at = @p1 + @p3, is_draining = @p4,
                ({string.Join(", ", OutboxFigures.Columns)}) = (@p5, @p6, @p7, @p8, @p9)
            WHERE worker = @p2
            """;
        BuryExpired = $"DELETE FROM {t.Worker} WHERE expires_at <= @p1 AND worker <> @p2 RETURNING worker";
        Bury = $"DELETE FROM {t.Worker} WHERE worker = @p1";
        Workers = $"SELECT worker, is_draining, has_lock FROM {t.Worker}";
        IsAlive = $"SELECT 1 FROM {t.Worker} WHERE worker = @p1";
        FreeLanes =
            $"""
            SELECT lane, worker IS NOT NULL, unclean FROM {t.Lane}
            WHERE worker IS NULL OR worker NOT IN (SELECT worker FROM {t.Worker}) ORDER BY lane LIMIT @p1
            """;
        TakeLane = $"UPDATE {t.Lane} SET worker = @p1, unclean = @p3 WHERE lane = @p2";
        OwnedLanes = $"SELECT lane, unclean FROM {t.Lane} WHERE worker = @p1 ORDER BY lane";
        ReturnLanes = $"UPDATE {t.Lane} SET worker = NULL, unclean = 0 WHERE worker = @p1";
        ReturnLane = $"UPDATE {t.Lane} SET worker = NULL, unclean = 0 WHERE lane = @p2 AND worker = @p1";

        // Rows that the dead owner may have been sending are among the oldest: newer ones than its memory holds were not read, and a
        // row that was sent out of turn has moved. Rows that were counted before are attempted on trial, which marks them.
        string counts = "SET unclean = unclean + 1, is_on_trial = 0, first_attempt_at = coalesce(first_attempt_at, enqueued_at)";
        CountLog =
            $"""
            UPDATE {t.Log} {counts} WHERE id IN (
                SELECT id FROM (SELECT id, lane, unclean, is_on_trial FROM {t.Log} ORDER BY id LIMIT @p2)
                WHERE (@p1 >> lane) & 1 = 1 AND (is_on_trial OR unclean = 0) ORDER BY id LIMIT @p3)
            """;
        CountParked =
            $"""
            UPDATE {t.Parked} {counts} WHERE id IN (
                SELECT id FROM {t.Parked}
                WHERE lane = @p2 AND endpoint = @p3 AND due_at <= @p1 AND (is_on_trial OR unclean = 0) ORDER BY due_at, id LIMIT @p4)
            """;

        LastOfLog = $"SELECT coalesce(max(id), 0), {SqlClock.Now(SqlDialect.Sqlite)} FROM {t.Log}";
        ReadLog =
            $"""
            SELECT id, lane, endpoint, tenant, attempts, unclean, not_before,
                coalesce(horizon_at, max_at), key_id, sealed, stream
            FROM {t.Log} WHERE id > @p1 AND id <= @p2 AND (@p3 >> lane) & 1 = 1 ORDER BY id LIMIT @p4
            """;
        NextParkedEndpoint =
            $"SELECT endpoint, due_at, tenant FROM {t.Parked} WHERE lane = @p1 AND endpoint >= @p2 ORDER BY endpoint, due_at LIMIT 1";
        string sample = $"SELECT id, attempts, reason FROM {t.Parked} WHERE lane = @p1 AND endpoint = @p2 ORDER BY";
        FirstParked = $"{sample} due_at, id LIMIT {OutboxParkedEndpoint.Sample}";
        LastParked = $"{sample} due_at DESC, id DESC LIMIT {OutboxParkedEndpoint.Sample}";
        ReadParked =
            $"""
            SELECT id, lane, endpoint, tenant, attempts, unclean, due_at,
                coalesce(horizon_at, max_at), key_id, sealed, stream
            FROM {t.Parked}
            WHERE lane = @p2 AND endpoint = @p3 AND due_at <= @p1 AND due_at >= @p4 AND (due_at > @p4 OR id > @p5)
            ORDER BY due_at, id LIMIT @p6
            """;
        ReadHeadOfLog =
            $"""
            SELECT id, lane, endpoint, tenant, attempts, unclean, not_before, coalesce(horizon_at, max_at), key_id, sealed, stream, number
            FROM {t.Log} WHERE stream = @p1 ORDER BY number LIMIT 1
            """;
        ReadHeadOfParked =
            $"""
            SELECT id, lane, endpoint, tenant, attempts, unclean, due_at, coalesce(horizon_at, max_at), key_id, sealed, stream, number
            FROM {t.Parked} WHERE stream = @p1 ORDER BY number LIMIT 1
            """;
        NextParked =
            $"""
            SELECT due_at FROM {t.Parked}
            WHERE lane = @p1 AND endpoint = @p2 AND due_at >= @p3 AND (due_at > @p3 OR id > @p4) ORDER BY due_at, id LIMIT 1
            """;

        DeleteFromLog = $"DELETE FROM {t.Log} WHERE id IN (SELECT value FROM json_each(@p1)) RETURNING id, binding";
        DeleteFromParked =
            $"""
            DELETE FROM {t.Parked} WHERE id IN (
                SELECT r.id FROM json_each(@p1) k CROSS JOIN {t.Parked} r ON r.id = k.value ->> 0 AND r.due_at = k.value ->> 1)
            RETURNING id, binding
            """;
        Park =
            $"""
            {KeysOfChanges}
            INSERT INTO {t.Parked} (
                {Kept}, attempts, first_attempt_at, horizon_at, reason, status_code, due_at, unclean, stream, number, key_hash,
                sealed)
            SELECT {moved}, {Written}, {StatusOfLog}, @p1 + k.delay, k.unclean, CASE WHEN k.leaves_order THEN NULL ELSE r.stream END,
                r.number, k.key_hash, r.sealed
            {fromLog}
            """;

        // Later than before even if the clock was set back: the reader has passed the old key.
        ParkAgain =
            $"""
            {KeysOfChanges}
            UPDATE {t.Parked} AS r SET due_at = max(@p1 + k.delay, r.due_at + 1), unclean = k.unclean, is_on_trial = 0,
                stream = CASE WHEN k.leaves_order THEN NULL ELSE r.stream END, key_hash = coalesce(k.key_hash, r.key_hash),
                (attempts, first_attempt_at, horizon_at, reason, status_code) = (SELECT {Written}, {StatusOfParked})
            FROM k WHERE r.id = k.id AND r.due_at = k.due_at RETURNING id, binding
            """;
        TrialLog = $"UPDATE {t.Log} SET is_on_trial = 1 WHERE id IN (SELECT value FROM json_each(@p1)) RETURNING id, binding";
        TrialParked =
            $"""
            UPDATE {t.Parked} SET is_on_trial = 1 WHERE id IN (
                SELECT r.id FROM json_each(@p1) k CROSS JOIN {t.Parked} r ON r.id = k.value ->> 0 AND r.due_at = k.value ->> 1)
            RETURNING id, binding
            """;
        EndFromLog = $"{KeysOfChanges} {toDead} {DeadOf(StatusOfLog)}, k.key_hash, r.sealed {fromLog}";
        EndFromParked = $"{KeysOfChanges} {toDead} {DeadOf(StatusOfParked)}, coalesce(k.key_hash, r.key_hash), r.sealed {fromParked}";

        SpanOfLog = $"SELECT coalesce(max(id) - min(id) + 1, 0) FROM {t.Log}";
        string now = SqlClock.Now(SqlDialect.Sqlite);
        Counts =
            $"""
            SELECT (SELECT count(*) FROM (SELECT 1 FROM {t.Log} LIMIT @p1)), (SELECT count(*) FROM {t.Parked}),
                (SELECT count(*) FROM {t.Dead}),
                (SELECT min(not_before) FROM (SELECT not_before FROM {t.Log} WHERE not_before <= {now} ORDER BY id LIMIT {SearchedRows})),
                (SELECT min(due_at) FROM {t.Parked} WHERE due_at <= {now}), a.n,
                (SELECT count(*) FROM {t.Lane} l WHERE NOT EXISTS (
                    SELECT 1 FROM {t.Worker} w WHERE w.worker = l.worker AND w.expires_at > {now})),
                {now}, {string.Join(", ", OutboxFigures.Columns.Select(static column => "a." + column))}
            FROM (SELECT count(*) AS n, {OutboxFigures.Sums("INTEGER")} FROM {t.Worker} WHERE expires_at > {now}) a
            """;
        Purges =
        [
            $"DELETE FROM {t.Dead} WHERE id IN (SELECT id FROM {t.Dead} WHERE kept_until <= @p1 LIMIT @p2)",
            $"""
            DELETE FROM {t.Binding} WHERE hash IN (
                SELECT hash FROM {t.Binding} b WHERE kept_until <= @p1 AND (state <> {Waiting} OR NOT {waits}) LIMIT @p2)
            """,
            $"DELETE FROM {t.Stream} WHERE stream IN (SELECT stream FROM {t.Stream} WHERE used_at <= @p1 - @p3 LIMIT @p2)",
            $"DELETE FROM {t.Switch} WHERE target IN (SELECT target FROM {t.Switch} WHERE NOT is_stopped AND target <> "
            + $"'{OutboxSwitch.All}' AND changed_at <= @p1 - {(long)OutboxSwitchTable.ResetKept.TotalMilliseconds} LIMIT @p2)",
        ];
        ListWaiting =
            $"""
            SELECT * FROM (SELECT id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed FROM {t.Parked} ORDER BY id LIMIT @p1)
            UNION ALL
            SELECT * FROM (SELECT id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed FROM {t.Log} ORDER BY id LIMIT @p1)
            LIMIT @p1
            """;
        string deadColumns =
            """
            id, lane, endpoint, tenant, key_id, sealed, attempts, reason, status_code, enqueued_at, first_attempt_at, ended_at,
                coalesce(coalesce(horizon_at, max_at) > @p1, 1)
            """;
        _listDead = ForEachFilter(conditions =>
            $"SELECT {deadColumns} FROM {t.Dead} WHERE id < @p2{conditions} ORDER BY id DESC LIMIT @p6");
        _listDeadIds = ForEachFilter(conditions => $"SELECT id FROM {t.Dead} WHERE id < @p2{conditions} ORDER BY id DESC LIMIT @p6");
        _countDead = ForEachFilter(conditions => $"SELECT count(*) FROM {t.Dead} WHERE 1{conditions}");
        ListDeadByKey = $"SELECT {deadColumns} FROM {t.Dead} WHERE key_hash IS @p2 ORDER BY id DESC LIMIT @p3";
        CountReasons =
            $"""
            SELECT (SELECT count(*) FROM (SELECT 1 FROM {t.Dead} WHERE reason = k.value LIMIT @p2)) FROM json_each(@p1) k ORDER BY k.key
            """;

        // The row at a position is that of the reason with the next id, found in the index of reasons: the rows themselves are spread over
        // the whole file. The multiplier spreads the positions evenly, follows no pattern of the rows, and gives the same ones in each
        // call. One query for min and max would scan.
        SampleReasons =
            $"""
            WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {SampleRows - 1}),
                b AS MATERIALIZED (SELECT (SELECT min(id) FROM {t.Dead}) AS low,
                    (SELECT max(id) FROM {t.Dead}) - (SELECT min(id) FROM {t.Dead}) AS span),
                p AS MATERIALIZED (SELECT n.i, b.low + b.span * (((n.i * 2654435761) & 4294967295) >> 12) / 1048576 AS id FROM n, b)
            SELECT reason, count(*), (SELECT count(*) FROM {t.Dead})
            FROM (SELECT k.value AS reason,
                    min((SELECT d.id FROM {t.Dead} d WHERE d.reason = k.value AND d.id >= p.id ORDER BY d.id LIMIT 1)) AS next
                FROM p CROSS JOIN json_each(@p1) k GROUP BY p.i)
            WHERE next IS NOT NULL GROUP BY reason
            """;
        ListWorkers =
            $"""
            SELECT w.worker, w.name, w.expires_at - @p1, w.is_draining,
                coalesce((SELECT group_concat(lane, ',') FROM {t.Lane} l WHERE l.worker = w.worker), '')
            FROM {t.Worker} w ORDER BY w.name, w.worker
            """;
        Redrive =
            $"""
            INSERT INTO {t.Log} (
                lane, endpoint, tenant, key_id, binding, attempts, enqueued_at, not_before, max_at, first_attempt_at, horizon_at, sealed)
            SELECT lane, endpoint, tenant, key_id, binding, attempts, enqueued_at, @p1, max_at, first_attempt_at, horizon_at, sealed
            FROM {t.Dead} WHERE id = @p2
            """;
        RedriveNew =
            $"""
            INSERT INTO {t.Log} (lane, endpoint, tenant, key_id, binding, enqueued_at, not_before, sealed)
            SELECT lane, endpoint, tenant, @p3, binding, enqueued_at, @p1, @p4 FROM {t.Dead} WHERE id = @p2
            """;
        CountLeft = $"SELECT count(*) FROM {t.Log} WHERE id BETWEEN @p1 AND @p2";
        CountOthers =
            $"""
            SELECT count(*) FROM (
                SELECT * FROM (SELECT 1 FROM {t.Log} WHERE id > @p2 LIMIT @p3)
                UNION ALL
                SELECT * FROM (SELECT 1 FROM {t.Log} WHERE id < @p1 LIMIT @p3)
                LIMIT @p3)
            """;
        string switchColumns = "target, is_stopped, name, actor, reason, changed_at, revision";
        ReadSwitches = $"SELECT {switchColumns} FROM {t.Switch} WHERE revision > @p1 ORDER BY revision";
        LockSwitches = $"UPDATE {t.Switch} SET revision = revision + 1 WHERE target = '{OutboxSwitch.All}'";
        SetSwitch =
            $"""
            INSERT INTO {t.Switch} (target, revision, changed_at, is_stopped, name, actor, reason)
            SELECT @p2, revision, @p1, @p3, @p4, @p5, @p6 FROM {t.Switch}
            WHERE target = '{OutboxSwitch.All}' AND (@p2 IN (SELECT target FROM {t.Switch}) OR (SELECT count(*) FROM {t.Switch}) < @p7)
            ON CONFLICT (target) DO UPDATE SET revision = excluded.revision, changed_at = excluded.changed_at,
                is_stopped = excluded.is_stopped, name = excluded.name, actor = excluded.actor, reason = excluded.reason
            RETURNING {switchColumns}
            """;
        string waitingColumns = "id, lane, endpoint, tenant, key_id, attempts, enqueued_at, sealed";
        FirstParkedRow = $"SELECT {waitingColumns} FROM {t.Parked} WHERE lane = @p1 AND endpoint = @p2 ORDER BY due_at LIMIT 1";
        CountParkedOfEndpoints =
            $"""
            SELECT (SELECT count(*) FROM (
                SELECT 1 FROM {t.Parked} WHERE lane IN (SELECT lane FROM {t.Lane}) AND endpoint = k.value LIMIT @p2))
            FROM json_each(@p1) k ORDER BY k.key
            """;
        FindParked =
            $"SELECT {waitingColumns} FROM {t.Parked} WHERE lane IN (SELECT lane FROM {t.Lane}) AND endpoint = @p1 LIMIT 1";
        ListParkedByKey = $"SELECT {waitingColumns} FROM {t.Parked} WHERE key_hash IS @p1 ORDER BY id DESC LIMIT @p2";
        SearchLog =
            $"""
            SELECT id, lane, endpoint, tenant, key_id, attempts, enqueued_at, CASE WHEN @p1 IS NULL OR tenant = @p1 THEN sealed END
            FROM {t.Log} ORDER BY id LIMIT @p2
            """;
        DeleteDead = $"DELETE FROM {t.Dead} WHERE id = @p1 RETURNING binding";
        Discard = $"DELETE FROM {t.Dead} WHERE id IN (SELECT value FROM json_each(@p1))";
    }

    /// <summary>
    /// Returns the query for dead letters: <c>@p2</c> the id above them, <c>@p3</c> tenant, <c>@p4</c> endpoint, <c>@p5</c> reason,
    /// <c>@p6</c> the limit, <c>@p7</c> notification type, <c>@p8</c> ids.
    /// </summary>
    internal string ListDead(OutboxDeadFilter filter) => _listDead[IndexOf(filter)];

    /// <summary>Returns the query for the ids of dead letters, with the same parameters.</summary>
    internal string ListDeadIds(OutboxDeadFilter filter) => _listDeadIds[IndexOf(filter)];

    /// <summary>Returns the query that counts dead letters, with the same parameters.</summary>
    internal string CountDead(OutboxDeadFilter filter) => _countDead[IndexOf(filter)];

    internal string Installation { get; }

    internal string Append { get; }

    internal string Draw { get; }

    internal string Bind { get; }

    /// <summary>Keeps the number of the webhook under a delivery id.</summary>
    internal string KeepNumber { get; }

    /// <summary>Reads the binding @p1. A webhook that is in no table was delivered.</summary>
    internal string Find { get; }

    /// <summary>Notes that the webhook of the binding @p1 is no dead letter any more.</summary>
    internal string LetBindingWait { get; }

    internal string EndBinding { get; }

    internal string Join { get; }

    internal string Renew { get; }

    internal string BuryExpired { get; }

    internal string Bury { get; }

    internal string Workers { get; }

    internal string IsAlive { get; }

    internal string FreeLanes { get; }

    internal string TakeLane { get; }

    internal string OwnedLanes { get; }

    internal string ReturnLane { get; }

    internal string ReturnLanes { get; }

    internal string CountLog { get; }

    internal string CountParked { get; }

    internal string ReadHeadOfLog { get; }

    internal string ReadHeadOfParked { get; }

    internal string TrialLog { get; }

    internal string TrialParked { get; }

    internal string LastOfLog { get; }

    internal string ReadLog { get; }

    internal string NextParkedEndpoint { get; }

    internal string FirstParked { get; }

    internal string LastParked { get; }

    internal string ReadParked { get; }

    internal string NextParked { get; }

    internal string DeleteFromLog { get; }

    internal string DeleteFromParked { get; }

    internal string Park { get; }

    internal string ParkAgain { get; }

    internal string EndFromLog { get; }

    internal string EndFromParked { get; }

    internal string SpanOfLog { get; }

    /// <summary>Counts rows, those of the log up to @p1, and returns the time.</summary>
    internal string Counts { get; }

    internal IReadOnlyList<string> Purges { get; }

    internal string ListWaiting { get; }

    /// <summary>Counts the dead letters of each of the reasons @p1, at most @p2 of each.</summary>
    internal string CountReasons { get; }

    /// <summary>
    /// Counts the reasons of a sample of dead letters, taken evenly over their ids. It has reasons of the list @p1 only. Also counts all.
    /// </summary>
    internal string SampleReasons { get; }

    internal string ListWorkers { get; }

    /// <summary>Reads the switches with a revision above @p1.</summary>
    internal string ReadSwitches { get; }

    /// <summary>Takes the next revision.</summary>
    internal string LockSwitches { get; }

    /// <summary>Sets the switch @p2 to @p3, with name @p4, actor @p5 and reason @p6, unless there are @p7 others.</summary>
    internal string SetSwitch { get; }

    /// <summary>Reads the first parked row of the endpoint @p2 in the lane @p1.</summary>
    internal string FirstParkedRow { get; }

    /// <summary>Counts the parked rows of each of the endpoints @p1, at most @p2 of each.</summary>
    internal string CountParkedOfEndpoints { get; }

    /// <summary>Reads a parked row of the endpoint @p1.</summary>
    internal string FindParked { get; }

    /// <summary>Lists the newest dead letters with the hash @p2 of their key, or without one if it is NULL, at most @p3.</summary>
    internal string ListDeadByKey { get; }

    /// <summary>Lists the newest parked rows with the hash @p1 of their key, or without one if it is NULL, at most @p2.</summary>
    internal string ListParkedByKey { get; }

    /// <summary>Reads the first @p2 rows of the log; those of other tenants than @p1 without their bytes.</summary>
    internal string SearchLog { get; }

    /// <summary>Moves the dead letter @p2 to the log, due at @p1. <see cref="DeleteDead"/> follows.</summary>
    internal string Redrive { get; }

    /// <summary>Moves the dead letter @p2 to the log as a new delivery, due at @p1: @p3 key id, @p4 bytes.</summary>
    internal string RedriveNew { get; }

    /// <summary>Counts the rows of the log with ids from @p1 to @p2.</summary>
    internal string CountLeft { get; }

    /// <summary>Counts the rows of the log with other ids than those from @p1 to @p2, at most @p3.</summary>
    internal string CountOthers { get; }

    internal string DeleteDead { get; }

    internal string Discard { get; }

    /// <summary>
    /// Returns a statement for each filter, because a condition that may be absent keeps SQLite off its index. Ids are found by the key
    /// and types by their index, which has the other columns too: a plus keeps SQLite off the indexes of these.
    /// </summary>
    private static string[] ForEachFilter(Func<string, string> sql) =>
    [
        .. Enumerable.Range(0, 32).Select(filter =>
        {
            string byType = (filter & ByIds) == 0 ? "" : "+";
            string byOther = (filter & (ByIds | ByType)) == 0 ? "" : "+";
            return sql(
                ((filter & ByTenant) == 0 ? "" : $" AND {byOther}tenant = @p3")
                + ((filter & ByEndpoint) == 0 ? "" : $" AND {byOther}endpoint = @p4")
                + ((filter & ByReason) == 0 ? "" : $" AND {byOther}reason = @p5")
                + ((filter & ByType) == 0 ? "" : $" AND {byType}notification_type = @p7")
                + ((filter & ByIds) == 0 ? "" : " AND id IN (SELECT value FROM json_each(@p8))"));
        }),
    ];

    private static int IndexOf(OutboxDeadFilter filter) =>
        (filter.Tenant is null ? 0 : ByTenant) | (filter.Endpoint is null ? 0 : ByEndpoint) | (filter.Reason is null ? 0 : ByReason)
        | (filter.NotificationType is null ? 0 : ByType) | (filter.Ids is null ? 0 : ByIds);
}
