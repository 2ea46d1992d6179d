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
    private const string Kept = "id, lane, endpoint, tenant, key_id, binding, unclean, enqueued_at";

    /// <summary>Starts the horizon with the first attempt and never extends it.</summary>
    private const string Written =
        """
        k.attempts,
            CASE WHEN k.attempts > 0 THEN coalesce(r.first_attempt_at, @p1) ELSE r.first_attempt_at END,
            coalesce(r.horizon_at, CASE WHEN k.attempts > 0 AND k.horizon > 0 THEN coalesce(r.first_attempt_at, @p1) + k.horizon END),
            k.reason, k.status_code
        """;

    private const string KeysOfChanges =
        """
        WITH k AS MATERIALIZED (SELECT value ->> 0 AS id, value ->> 1 AS due_at, value ->> 2 AS delay, value ->> 3 AS attempts,
            value ->> 4 AS horizon, value ->> 5 AS reason, value ->> 6 AS status_code FROM json_each(@p2))
        """;

    internal SqliteOutboxStatements(OutboxTables t)
    {
        string moved = string.Join(", ", Kept.Split(", ").Select(static name => "r." + name));
        string fromLog = $"FROM k CROSS JOIN {t.Log} r ON r.id = k.id";
        string fromParked = $"FROM k CROSS JOIN {t.Parked} r ON r.id = k.id AND r.due_at = k.due_at";
        string toDead =
            $"INSERT INTO {t.Dead} ({Kept}, attempts, first_attempt_at, horizon_at, reason, status_code, ended_at, kept_until, sealed)";
        string dead = $"SELECT {moved}, {Written}, @p1, @p1 + @p3, r.sealed";

        Installation = $"SELECT installation, format FROM {t.Meta}";
        Append =
            $"""
            INSERT INTO {t.Log} (enqueued_at, lane, endpoint, tenant, key_id, binding, not_before, max_at, sealed)
            VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9)
            """;
        Draw =
            $"""
            INSERT INTO {t.Stream} (stream, number, used_at) VALUES (@p2, 1, @p1)
            ON CONFLICT (stream) DO UPDATE SET number = number + 1, used_at = excluded.used_at RETURNING number
            """;
        Bind =
            $"""
            INSERT INTO {t.Binding} (hash, fingerprint, idempotency_key, sequence_number, state, retires_at, kept_until)
            VALUES (@p2, @p3, @p4, @p5, 0, @p1 + @p6, @p1 + @p7)
            ON CONFLICT (hash) DO UPDATE SET fingerprint = excluded.fingerprint, idempotency_key = excluded.idempotency_key,
                sequence_number = excluded.sequence_number, state = 0, retires_at = excluded.retires_at, kept_until = excluded.kept_until
            WHERE kept_until <= @p1
            """;
        Find =
            $"""
            SELECT fingerprint, idempotency_key, sequence_number, state, retires_at, kept_until
            FROM {t.Binding} WHERE hash = @p2 AND kept_until > @p1
            """;
        SetBinding = $"UPDATE {t.Binding} SET state = @p1 WHERE hash = @p2";

        Join =
            $"INSERT INTO {t.Worker} (worker, name, expires_at, has_lock) VALUES (@p2, @p3, @p1 + @p4, @p5)";
        Renew = $"UPDATE {t.Worker} SET expires_at = @p1 + @p3, is_draining = @p4 WHERE worker = @p2";
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
        ReturnLane = $"UPDATE {t.Lane} SET worker = NULL, unclean = 0 WHERE lane = @p2 AND worker = @p1";

        // Rows that the dead owner may have been sending are among the oldest: newer ones than its memory holds were not read, and a
        // row that was sent out of turn has moved.
        UncleanLog = Unclean(t.Log, "ORDER BY id");
        UncleanParked = Unclean(t.Parked, "AND due_at <= @p1 ORDER BY id");

        LastOfLog = $"SELECT coalesce(max(id), 0), {SqlClock.Now(SqlDialect.Sqlite)} FROM {t.Log}";
        ReadLog =
            $"""
            SELECT id, lane, endpoint, tenant, attempts, unclean, not_before,
                coalesce(horizon_at, max_at), key_id, sealed
            FROM {t.Log} WHERE id > @p1 AND id <= @p2 AND (@p3 >> lane) & 1 = 1 ORDER BY id LIMIT @p4
            """;
        NextParkedEndpoint =
            $"SELECT endpoint, due_at FROM {t.Parked} WHERE lane = @p1 AND endpoint >= @p2 ORDER BY endpoint, due_at LIMIT 1";
        ReadParked =
            $"""
            SELECT id, lane, endpoint, tenant, attempts, unclean, due_at,
                coalesce(horizon_at, max_at), key_id, sealed
            FROM {t.Parked}
            WHERE lane = @p2 AND endpoint = @p3 AND due_at <= @p1 AND due_at >= @p4 AND (due_at > @p4 OR id > @p5)
            ORDER BY due_at, id LIMIT @p6
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
            INSERT INTO {t.Parked} ({Kept}, attempts, first_attempt_at, horizon_at, reason, status_code, due_at, max_at, sealed)
            SELECT {moved}, {Written}, @p1 + k.delay, r.max_at, r.sealed {fromLog}
            """;

        // Later than before even if the clock was set back: the reader has passed the old key.
        ParkAgain =
            $"""
            {KeysOfChanges}
            UPDATE {t.Parked} AS r SET due_at = max(@p1 + k.delay, r.due_at + 1),
                (attempts, first_attempt_at, horizon_at, reason, status_code) = (SELECT {Written})
            FROM k WHERE r.id = k.id AND r.due_at = k.due_at RETURNING id, binding
            """;
        EndFromLog = $"{KeysOfChanges} {toDead} {dead} {fromLog}";
        EndFromParked = $"{KeysOfChanges} {toDead} {dead} {fromParked}";

        CountLog = $"SELECT count(*) FROM (SELECT 1 FROM {t.Log} LIMIT @p1)";
        SpanOfLog = $"SELECT coalesce(max(id) - min(id) + 1, 0) FROM {t.Log}";
        Counts =
            $"""
            SELECT (SELECT count(*) FROM {t.Parked}), (SELECT count(*) FROM {t.Dead}),
                (SELECT not_before FROM {t.Log} WHERE not_before <= @p1 ORDER BY id LIMIT 1),
                (SELECT min(due_at) FROM {t.Parked} WHERE due_at <= @p1),
                (SELECT count(*) FROM {t.Worker} WHERE expires_at > @p1),
                (SELECT count(*) FROM {t.Lane} l WHERE NOT EXISTS (
                    SELECT 1 FROM {t.Worker} w WHERE w.worker = l.worker AND w.expires_at > @p1))
            """;
        Purges =
        [
            $"DELETE FROM {t.Dead} WHERE id IN (SELECT id FROM {t.Dead} WHERE kept_until <= @p1 LIMIT @p2)",
            $"DELETE FROM {t.Binding} WHERE hash IN (SELECT hash FROM {t.Binding} WHERE kept_until <= @p1 LIMIT @p2)",
            $"DELETE FROM {t.Stream} WHERE stream IN (SELECT stream FROM {t.Stream} WHERE used_at <= @p1 - @p3 LIMIT @p2)",
        ];
        ListWaiting =
            $"""
            SELECT * FROM (SELECT id, lane, endpoint, tenant, key_id, attempts, sealed FROM {t.Parked} ORDER BY id LIMIT @p1)
            UNION ALL
            SELECT * FROM (SELECT id, lane, endpoint, tenant, key_id, attempts, sealed FROM {t.Log} ORDER BY id LIMIT @p1)
            LIMIT @p1
            """;
        ListDead =
            $"""
            SELECT id, lane, endpoint, tenant, key_id, sealed, attempts, reason, status_code, enqueued_at, first_attempt_at, ended_at,
                horizon_at IS NULL OR horizon_at > @p1
            FROM {t.Dead}
            WHERE id < @p2 AND (@p3 IS NULL OR tenant = @p3) AND (@p4 IS NULL OR endpoint = @p4) AND (@p5 IS NULL OR reason = @p5)
            ORDER BY id DESC LIMIT @p6
            """;
        Redrive =
            $"""
            INSERT INTO {t.Log} (
                lane, endpoint, tenant, key_id, binding, attempts, enqueued_at, first_attempt_at, horizon_at, not_before, sealed)
            SELECT
                lane, endpoint, tenant, @p3, binding, @p4, enqueued_at, @p5, CASE WHEN @p5 IS NULL THEN NULL ELSE horizon_at END, @p1, @p6
            FROM {t.Dead} WHERE id = @p2
            """;
        DeleteDead = $"DELETE FROM {t.Dead} WHERE id = @p1 RETURNING binding";
        Discard = $"DELETE FROM {t.Dead} WHERE id IN (SELECT value FROM json_each(@p1))";

        static string Unclean(string table, string which) =>
            $"""
            UPDATE {table} SET unclean = unclean + 1, first_attempt_at = coalesce(first_attempt_at, enqueued_at)
            WHERE id IN (SELECT id FROM {table} WHERE (@p2 >> lane) & 1 = 1 {which} LIMIT @p3)
            """;
    }

    internal string Installation { get; }

    internal string Append { get; }

    internal string Draw { get; }

    internal string Bind { get; }

    internal string Find { get; }

    internal string SetBinding { get; }

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

    internal string UncleanLog { get; }

    internal string UncleanParked { get; }

    internal string LastOfLog { get; }

    internal string ReadLog { get; }

    internal string NextParkedEndpoint { get; }

    internal string ReadParked { get; }

    internal string NextParked { get; }

    internal string DeleteFromLog { get; }

    internal string DeleteFromParked { get; }

    internal string Park { get; }

    internal string ParkAgain { get; }

    internal string EndFromLog { get; }

    internal string EndFromParked { get; }

    internal string CountLog { get; }

    internal string SpanOfLog { get; }

    internal string Counts { get; }

    internal IReadOnlyList<string> Purges { get; }

    internal string ListWaiting { get; }

    internal string ListDead { get; }

    internal string Redrive { get; }

    internal string DeleteDead { get; }

    internal string Discard { get; }
}
