using System.Data.Common;
using Adcp.Aot.Auditing;
using Dapper;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>The usual way with Dapper: one INSERT, a list of objects, a transaction.</summary>
internal sealed class DapperWriter(DbConnection connection)
{
    private static readonly string Insert =
        $"INSERT INTO webhook_delivery_log ({string.Join(", ", HandWrittenWriter.Columns)}) "
        + $"VALUES ({string.Join(", ", HandWrittenWriter.Columns.Select(static column => "@" + column))})";

    internal async Task WriteAsync(ReadOnlyMemory<DeliveryAttempt> attempts)
    {
        var rows = attempts.ToArray().Select(static a => new
        {
            idempotency_key = a.IdempotencyKey,
            outcome = DeliveryAttempt.WireName(a.Outcome),
            attempt_number = a.AttemptNumber,
            max_attempts = a.MaxAttempts,
            url = a.Url,
            breaker_key = a.BreakerKey,
            http_status_code = a.HttpStatusCode,
            error = DeliveryAttempt.WireName(a.Error),
            error_message = a.ErrorMessage,
            code = a.Code,
            occurred_at = a.OccurredAt.UtcDateTime,
            completed_at = a.CompletedAt.UtcDateTime,
            response_time_ms = a.ResponseTimeMs,
            will_retry = a.WillRetry,
            next_retry_at = a.NextRetryAt?.UtcDateTime,
            sequence_key = a.SequenceKey,
            sequence_number = a.SequenceNumber,
            task_id = a.TaskId,
            task_type = a.TaskType,
            operation_id = a.OperationId,
            notification_type = a.NotificationType,
            notification_id = a.NotificationId,
            payload_size_bytes = a.PayloadSizeBytes,
            skipped_before = a.SkippedBefore,
            is_attempt = a.IsAttempt,
        });
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(Insert, rows, transaction);
        await transaction.CommitAsync();
    }
}
