using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;

namespace Adcp.Aot.Storage;

/// <summary>
/// Reads attempts from the table of a generated sink (<see cref="SqlDeliveryLogAttribute"/>), for operators: the attempts of all processes
/// that write to it. It only reads. Thread-safe.
/// </summary>
/// <remarks>
/// A column is found by its default name, the name of its <see cref="AttemptField"/> in snake_case. The table needs <c>id</c>, an integer
/// by which its rows are in order, <c>idempotency_key</c>, <c>outcome</c>, <c>attempt_number</c>, and <c>completed_at</c> or
/// <c>occurred_at</c>. Fields whose column is missing, renamed or redacted are missing or redacted in the result. A filter reads rows from
/// the newest on until the page is full: give a column an index if the table is large and you filter by it.
/// </remarks>
public sealed class SqlAttemptReader
{
    /// <summary>Counts up to this number are exact.</summary>
    private const int MaxCounted = 10_000;

    private const int MaxNameLength = 63;

    private static readonly Dictionary<string, AttemptOutcome> Outcomes =
        Enum.GetValues<AttemptOutcome>().ToDictionary(static outcome => DeliveryAttempt.WireName(outcome), StringComparer.Ordinal);

    private static readonly Dictionary<string, WebhookSendError> Errors = Enum.GetValues<WebhookSendError>()
        .Where(static error => error != WebhookSendError.None)
        .ToDictionary(static error => DeliveryAttempt.WireName(error)!, StringComparer.Ordinal);

    private readonly StoreDatabase _database;
    private readonly string _table;
    private readonly string _quoted;

    /// <summary>Creates a reader. No connection is opened before the first call.</summary>
    /// <param name="database">The database.</param>
    /// <param name="table"><c>table</c> or <c>schema.table</c>; ASCII letters, digits and underscores, 63 each at most.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="table"/> breaks its rule.</exception>
    public SqlAttemptReader(StoreDatabase database, string table)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(table);
        string[] parts = table.Split('.');
        if (parts.Length > 2 || !Array.TrueForAll(parts, IsName))
        {
            throw new ArgumentException(
                $"A table is 'table' or 'schema.table', each a letter or underscore, then letters, digits and underscores (ASCII), at most "
                + $"{MaxNameLength}.",
                nameof(table));
        }

        _database = database;
        _table = table;
        _quoted = string.Join('.', parts.Select(Quoted));
    }

    /// <summary>Lists attempts, the newest first.</summary>
    /// <param name="query">The query; <see langword="null"/> for the newest 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>
    /// The page. <see cref="OperationsPage{T}.Count"/> is exact up to 10,000, and 10,000 above it, with
    /// <see cref="OperationsPage{T}.IsEstimate"/>.
    /// </returns>
    /// <exception cref="ArgumentException"><see cref="AttemptQuery.After"/> is not the <c>Next</c> of a page.</exception>
    /// <exception cref="InvalidOperationException">
    /// The table is missing, lacks a column that it needs or that the query filters by, or has an outcome that this program does not know.
    /// </exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<OperationsPage<DeliveryAttemptSnapshot>> ListAsync(
        AttemptQuery? query = null, CancellationToken cancellationToken = default)
    {
        query ??= new AttemptQuery();
        long? before = null;
        if (query.After is { } after)
        {
            before = long.TryParse(after, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long id)
                ? id
                : throw new ArgumentException("After is the Next of the page before.", nameof(query));
        }

        DbConnection connection =
            await _database.Source.OpenLiveAsync(_database.Dialect, cancellationToken).ConfigureAwait(false);
        try
        {
            Columns columns = await ColumnsAsync(connection, cancellationToken).ConfigureAwait(false);
            List<Condition> filter = [.. Conditions(query, columns)];
            List<(long Id, DeliveryAttemptSnapshot Attempt)> rows =
                await ReadAsync(connection, columns, filter, before, query.Limit + 1, cancellationToken).ConfigureAwait(false);
            bool hasMore = rows.Count > query.Limit;
            long count = before is null && !hasMore
                ? rows.Count
                : await CountAsync(connection, filter, cancellationToken).ConfigureAwait(false);
            return new OperationsPage<DeliveryAttemptSnapshot>(
                [.. rows.Take(query.Limit).Select(static row => row.Attempt)],
                hasMore ? rows[query.Limit - 1].Id.ToString(CultureInfo.InvariantCulture) : null,
                Math.Min(count, MaxCounted), count > MaxCounted);
        }
        finally
        {
            await SqlConnections.DropAsync(connection).ConfigureAwait(false);
        }
    }

    private static bool IsName(string part) =>
        part.Length is > 0 and <= MaxNameLength && !char.IsAsciiDigit(part[0])
        && part.All(static character => char.IsAsciiLetterOrDigit(character) || character == '_');

    private string Quoted(string name) => _database.Dialect == SqlDialect.MySql ? $"`{name}`" : $"\"{name}\"";

    private async ValueTask<Columns> ColumnsAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        Columns columns = new(_table);
        try
        {
            await QueryAsync(
                connection, $"SELECT * FROM {_quoted} WHERE 1 = 0", [],
                reader =>
                {
                    for (int i = 0; i < reader.FieldCount; i++)
                    {
                        columns.Add(reader.GetName(i), reader.GetDataTypeName(i));
                    }
                },
                static _ => { }, cancellationToken).ConfigureAwait(false);
        }
        catch (DbException fault) when (SqlFaults.Of(fault, isOpen: true) is SqlFault.Permanent or SqlFault.Row)
        {
            throw new InvalidOperationException($"Table '{_table}' cannot be read: {fault.Message}", fault);
        }

        return columns;
    }

    private async ValueTask<List<(long Id, DeliveryAttemptSnapshot Attempt)>> ReadAsync(
        DbConnection connection, Columns columns, List<Condition> filter, long? before, int limit, CancellationToken cancellationToken)
    {
        List<Condition> conditions = [.. filter];
        if (before is { } id)
        {
            conditions.Add(new Condition("id", "<", DbType.Int64, id));
        }

        StringBuilder sql = new("SELECT ");
        sql.AppendJoin(", ", columns.Read.Select(Quoted)).Append(" FROM ").Append(_quoted);
        Append(sql, conditions);
        sql.Append(CultureInfo.InvariantCulture, $" ORDER BY {Quoted("id")} DESC LIMIT {limit}");
        List<(long Id, DeliveryAttemptSnapshot Attempt)> rows = [];
        await QueryAsync(
            connection, sql.ToString(), conditions, static _ => { }, reader => rows.Add(columns.Row(reader)), cancellationToken)
            .ConfigureAwait(false);
        return rows;
    }

    private async ValueTask<long> CountAsync(DbConnection connection, List<Condition> filter, CancellationToken cancellationToken)
    {
        StringBuilder sql = new($"SELECT count(*) FROM (SELECT 1 AS one FROM {_quoted}");
        Append(sql, filter);
        sql.Append(CultureInfo.InvariantCulture, $" LIMIT {MaxCounted + 1}) AS counted");
        long count = 0;
        await QueryAsync(
            connection, sql.ToString(), filter, static _ => { }, reader => count = reader.Number(0) ?? 0, cancellationToken)
            .ConfigureAwait(false);
        return count;
    }

    private void Append(StringBuilder sql, List<Condition> conditions)
    {
        for (int i = 0; i < conditions.Count; i++)
        {
            sql.Append(i == 0 ? " WHERE " : " AND ").Append(Quoted(conditions[i].Column)).Append(' ').Append(conditions[i].Comparison)
                .Append(' ').Append(SqlDialects.Parameter(_database.Dialect, i + 1));
        }
    }

    private async ValueTask QueryAsync(
        DbConnection connection, string sql, List<Condition> conditions, Action<DbDataReader> described, Action<DbDataReader> read,
        CancellationToken cancellationToken)
    {
        DbCommand command = connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
#pragma warning disable CA2100 // Names passed the rule of the constructor or are constants, values are parameters.
            command.CommandText = sql;
#pragma warning restore CA2100
            conditions.ForEach(condition => command.Add(_database.Dialect, condition.Type, condition.Value));
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                described(reader);
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    read(reader);
                }
            }
        }
    }

    private static IEnumerable<Condition> Conditions(AttemptQuery query, Columns columns)
    {
        foreach ((string column, string? text) in new[]
        {
            (columns.Has("breaker_key") ? "breaker_key" : "url", query.Endpoint),
            ("outcome", query.Outcome is { } outcome ? DeliveryAttempt.WireName(outcome) : null),
            ("task_id", query.TaskId), ("notification_type", query.NotificationType), ("idempotency_key", query.IdempotencyKey),
        })
        {
            if (text is not null)
            {
                columns.Require(column);
                yield return new Condition(column, "=", DbType.String, text);
            }
        }

        foreach ((string comparison, DateTimeOffset? time) in new[] { (">=", query.Since), ("<=", query.Until) })
        {
            if (time is { } limit)
            {
                yield return columns.IsInMilliseconds(columns.Ended)
                    ? new Condition(columns.Ended, comparison, DbType.Int64, limit.ToUnixTimeMilliseconds())
                    : new Condition(columns.Ended, comparison, DbType.DateTime, limit.UtcDateTime);
            }
        }
    }

    private sealed record Condition(string Column, string Comparison, DbType Type, object Value);

    /// <summary>The columns of the table that are known.</summary>
    private sealed class Columns(string table)
    {
        private static readonly string[] Known =
        [
            "id", "idempotency_key", "url", "breaker_key", "outcome", "is_attempt", "attempt_number", "max_attempts", "http_status_code",
            "error", "error_message", "code", "occurred_at", "completed_at", "response_time_ms", "next_retry_at", "sequence_key",
            "sequence_number", "task_id", "task_type", "operation_id", "notification_type", "notification_id", "payload_size_bytes",
            "skipped_before", "connection_replaced",
        ];

        private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
        private Dictionary<string, int>? _places;

        /// <summary>Gets the columns that are read, in their order.</summary>
        internal string[] Read
        {
            get
            {
                Array.ForEach(["id", "idempotency_key", "outcome", "attempt_number", Ended], Require);
                if (!IsInteger("id"))
                {
                    throw new InvalidOperationException(
                        $"Column 'id' of table '{table}' is no integer, so that the order of its rows is unknown.");
                }

                string[] read = [.. Known.Where(Has)];
                _places = read.Select(static (name, place) => (name, place)).ToDictionary(StringComparer.Ordinal);
                return read;
            }
        }

        /// <summary>Gets the column by which time is filtered.</summary>
        internal string Ended => !Has("completed_at") && Has("occurred_at") ? "occurred_at" : "completed_at";

        internal void Add(string name, string type) => _types[name] = type;

        internal bool Has(string name) => _types.ContainsKey(name);

        internal bool IsInMilliseconds(string column) => IsInteger(column);

        /// <exception cref="InvalidOperationException">The column is missing.</exception>
        internal void Require(string column)
        {
            if (!Has(column))
            {
                throw new InvalidOperationException(
                    $"Table '{table}' has no column '{column}'. Attempts are read from the table of a [SqlDeliveryLog] class that keeps "
                    + "the default name of the column.");
            }
        }

        internal (long Id, DeliveryAttemptSnapshot Attempt) Row(DbDataReader reader)
        {
            long id = Number("id") ?? 0;
            string outcome = Text("outcome") ?? "";
            DateTimeOffset? occurred = Time("occurred_at");
            DateTimeOffset? completed = Time("completed_at");
            string? url = Text("url");
            string? breakerKey = Text("breaker_key");
            return (id, new DeliveryAttemptSnapshot
            {
                IdempotencyKey = Text("idempotency_key") ?? "",
                Url = url ?? "",
                BreakerKey = breakerKey ?? url ?? "",
                Outcome = Outcomes.TryGetValue(outcome, out AttemptOutcome known)
                    ? known
                    : throw new InvalidOperationException(
                        $"Row {id} of table '{table}' has an outcome that this program does not know. Use the release that wrote it."),
                IsAttempt = Number("is_attempt") is { } isAttempt
                    ? isAttempt != 0
                    : known is AttemptOutcome.Success or AttemptOutcome.Failure,
                AttemptNumber = (int)(Number("attempt_number") ?? 0),
                MaxAttempts = (int)(Number("max_attempts") ?? 0),
                HttpStatusCode = (int?)Number("http_status_code"),
                Error = Text("error") is { } error ? Errors.GetValueOrDefault(error) : WebhookSendError.None,
                ErrorMessage = Text("error_message"),
                Code = Text("code"),
                OccurredAt = occurred ?? completed ?? default,
                CompletedAt = completed ?? occurred ?? default,
                ResponseTimeMs = Number("response_time_ms") ?? 0,
                NextRetryAt = Time("next_retry_at"),
                SequenceKey = Text("sequence_key"),
                SequenceNumber = Number("sequence_number"),
                TaskId = Text("task_id"),
                TaskType = Text("task_type"),
                OperationId = Text("operation_id"),
                NotificationType = Text("notification_type"),
                NotificationId = Text("notification_id"),
                PayloadSizeBytes = (int)(Number("payload_size_bytes") ?? 0),
                SkippedBefore = (int)(Number("skipped_before") ?? 0),
                ConnectionReplaced = Number("connection_replaced") is > 0,
            });

            string? Text(string name) => _places!.TryGetValue(name, out int place) ? reader.Text(place) : null;

            long? Number(string name) => _places!.TryGetValue(name, out int place) ? reader.Number(place) : null;

            DateTimeOffset? Time(string name) => _places!.TryGetValue(name, out int place) ? reader.Time(place) : null;
        }

        /// <summary>Returns whether a column is an integer: <c>INTEGER</c>, <c>bigint</c> and the like.</summary>
        private bool IsInteger(string column) =>
            _types.TryGetValue(column, out string? type) && type.Contains("int", StringComparison.OrdinalIgnoreCase)
            && !type.Contains("interval", StringComparison.OrdinalIgnoreCase)
            && !type.Contains("point", StringComparison.OrdinalIgnoreCase);
    }
}
