using System.Data;
using System.Data.Common;
using System.Text;
using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>
/// The code that a careful engineer writes on the driver: one prepared statement in a transaction on SQLite, binary COPY
/// on PostgreSQL, and one INSERT of many rows on MySQL that is kept between batches. It keeps one connection open. It
/// neither accounts for rows, nor isolates bad ones, nor survives an outage.
/// </summary>
internal sealed class HandWrittenWriter(DbConnection connection, SqlDialect dialect)
{
    internal static readonly string[] Columns =
    [
        "idempotency_key", "outcome", "attempt_number", "max_attempts", "url", "breaker_key", "http_status_code", "error",
        "error_message", "code", "occurred_at", "completed_at",
        "response_time_ms", "will_retry", "next_retry_at", "sequence_key", "sequence_number", "task_id", "task_type", "operation_id",
        "notification_type", "notification_id",
        "payload_size_bytes", "skipped_before", "is_attempt",
    ];

    private static readonly DbType[] Types =
    [
    DbType.String, DbType.String, DbType.Int32, DbType.Int32, DbType.String, DbType.String, DbType.Int32, DbType.String,
    DbType.String, DbType.String, DbType.DateTime, DbType.DateTime,
        DbType.Int64, DbType.Boolean, DbType.DateTime, DbType.String, DbType.Int64, DbType.String, DbType.String, DbType.String,
        DbType.String, DbType.String, DbType.Int32, DbType.Int32,
        DbType.Boolean,
    ];

    private DbCommand? _insert;
    private int _rows;

    internal Task WriteAsync(ReadOnlyMemory<DeliveryAttempt> attempts) => dialect switch
    {
        SqlDialect.Sqlite => SqliteAsync(attempts),
        SqlDialect.PostgreSql => CopyAsync(attempts),
        _ => ManyAsync(attempts),
    };

    private static string InsertText => $"INSERT INTO webhook_delivery_log ({string.Join(", ", Columns)}) VALUES ";

    private async Task SqliteAsync(ReadOnlyMemory<DeliveryAttempt> attempts)
    {
        if (_insert is null)
        {
            _insert = connection.CreateCommand();
            _insert.CommandText = InsertText + "(" + string.Join(", ", Columns.Select(static (_, i) => "@p" + i)) + ")";
            AddParameters(_insert, 1, static i => "@p" + i);
        }

        using DbTransaction transaction = await connection.BeginTransactionAsync();
        _insert.Transaction = transaction;
        for (int i = 0; i < attempts.Length; i++)
        {
            Bind(attempts.Span[i], _insert.Parameters, 0);
            await _insert.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }

    private async Task ManyAsync(ReadOnlyMemory<DeliveryAttempt> attempts)
    {
        if (_rows != attempts.Length)
        {
            _rows = attempts.Length;
            StringBuilder text = new(InsertText);
            for (int row = 0; row < _rows; row++)
            {
                text.Append(row == 0 ? "(" : ", (").AppendJoin(", ", Columns.Select(static _ => "?")).Append(')');
            }

            _insert = connection.CreateCommand();
            _insert.CommandText = text.ToString();
            AddParameters(_insert, _rows, static _ => null);
        }

        for (int i = 0; i < attempts.Length; i++)
        {
            Bind(attempts.Span[i], _insert!.Parameters, i * Columns.Length);
        }

        await _insert!.ExecuteNonQueryAsync();
    }

    private static void AddParameters(DbCommand command, int rows, Func<int, string?> name)
    {
        for (int i = 0; i < rows * Columns.Length; i++)
        {
            DbParameter parameter = command.CreateParameter();
            parameter.DbType = Types[i % Columns.Length];
            if (name(i) is { } given)
            {
                parameter.ParameterName = given;
            }

            command.Parameters.Add(parameter);
        }
    }

    private static void Bind(DeliveryAttempt a, DbParameterCollection p, int at)
    {
        p[at].Value = a.IdempotencyKey;
        p[at + 1].Value = DeliveryAttempt.WireName(a.Outcome);
        p[at + 2].Value = a.AttemptNumber;
        p[at + 3].Value = a.MaxAttempts;
        p[at + 4].Value = a.Url;
        p[at + 5].Value = a.BreakerKey;
        p[at + 6].Value = (object?)a.HttpStatusCode ?? DBNull.Value;
        p[at + 7].Value = (object?)DeliveryAttempt.WireName(a.Error) ?? DBNull.Value;
        p[at + 8].Value = (object?)a.ErrorMessage ?? DBNull.Value;
        p[at + 9].Value = (object?)a.Code ?? DBNull.Value;
        p[at + 10].Value = a.OccurredAt.UtcDateTime;
        p[at + 11].Value = a.CompletedAt.UtcDateTime;
        p[at + 12].Value = a.ResponseTimeMs;
        p[at + 13].Value = a.WillRetry;
        p[at + 14].Value = (object?)a.NextRetryAt?.UtcDateTime ?? DBNull.Value;
        p[at + 15].Value = (object?)a.SequenceKey ?? DBNull.Value;
        p[at + 16].Value = (object?)a.SequenceNumber ?? DBNull.Value;
        p[at + 17].Value = (object?)a.TaskId ?? DBNull.Value;
        p[at + 18].Value = (object?)a.TaskType ?? DBNull.Value;
        p[at + 19].Value = (object?)a.OperationId ?? DBNull.Value;
        p[at + 20].Value = (object?)a.NotificationType ?? DBNull.Value;
        p[at + 21].Value = (object?)a.NotificationId ?? DBNull.Value;
        p[at + 22].Value = a.PayloadSizeBytes;
        p[at + 23].Value = a.SkippedBefore;
        p[at + 24].Value = a.IsAttempt;
    }

    private async Task CopyAsync(ReadOnlyMemory<DeliveryAttempt> attempts)
    {
        await using NpgsqlBinaryImporter copy = await ((NpgsqlConnection)connection).BeginBinaryImportAsync(
            $"COPY webhook_delivery_log ({string.Join(", ", Columns)}) FROM STDIN (FORMAT BINARY)");
        for (int i = 0; i < attempts.Length; i++)
        {
            DeliveryAttempt a = attempts.Span[i];
            await copy.StartRowAsync();
            await copy.WriteAsync(a.IdempotencyKey, NpgsqlDbType.Text);
            await copy.WriteAsync(DeliveryAttempt.WireName(a.Outcome), NpgsqlDbType.Text);
            await copy.WriteAsync(a.AttemptNumber, NpgsqlDbType.Integer);
            await copy.WriteAsync(a.MaxAttempts, NpgsqlDbType.Integer);
            await copy.WriteAsync(a.Url, NpgsqlDbType.Text);
            await copy.WriteAsync(a.BreakerKey, NpgsqlDbType.Text);
            await MaybeAsync(copy, a.HttpStatusCode, NpgsqlDbType.Integer);
            await MaybeAsync(copy, DeliveryAttempt.WireName(a.Error));
            await MaybeAsync(copy, a.ErrorMessage);
            await MaybeAsync(copy, a.Code);
            await copy.WriteAsync(a.OccurredAt.UtcDateTime, NpgsqlDbType.TimestampTz);
            await copy.WriteAsync(a.CompletedAt.UtcDateTime, NpgsqlDbType.TimestampTz);
            await copy.WriteAsync(a.ResponseTimeMs, NpgsqlDbType.Bigint);
            await copy.WriteAsync(a.WillRetry, NpgsqlDbType.Boolean);
            await MaybeAsync(copy, a.NextRetryAt?.UtcDateTime, NpgsqlDbType.TimestampTz);
            await MaybeAsync(copy, a.SequenceKey);
            await MaybeAsync(copy, a.SequenceNumber, NpgsqlDbType.Bigint);
            await MaybeAsync(copy, a.TaskId);
            await MaybeAsync(copy, a.TaskType);
            await MaybeAsync(copy, a.OperationId);
            await MaybeAsync(copy, a.NotificationType);
            await MaybeAsync(copy, a.NotificationId);
            await copy.WriteAsync(a.PayloadSizeBytes, NpgsqlDbType.Integer);
            await copy.WriteAsync(a.SkippedBefore, NpgsqlDbType.Integer);
            await copy.WriteAsync(a.IsAttempt, NpgsqlDbType.Boolean);
        }

        await copy.CompleteAsync();
    }

    private static Task MaybeAsync(NpgsqlBinaryImporter copy, string? value) =>
        value is null ? copy.WriteNullAsync() : copy.WriteAsync(value, NpgsqlDbType.Text);

    private static Task MaybeAsync<T>(NpgsqlBinaryImporter copy, T? value, NpgsqlDbType type)
        where T : struct => value is { } some ? copy.WriteAsync(some, type) : copy.WriteNullAsync();
}
