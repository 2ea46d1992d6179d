using System.Buffers;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Writes one JSON object a line (snake_case, absent members left out) to a pipe or file. A batch is flushed as a whole. Safe for the calls that a supervisor makes,
/// also inline: batches are written one after another.
/// </summary>
public sealed class JsonLinesDeliveryLogSink : IDeliveryLogSink, IAsyncDisposable
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.Default, SkipValidation = true };

    private readonly PipeWriter _output;
    private readonly bool _owned;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Utf8JsonWriter _json;
    private readonly Action<Utf8JsonWriter, DeliveryAttempt> _members;

    /// <summary>Writes to a pipe that stays the caller's.</summary>
    /// <param name="output">The pipe.</param>
    /// <exception cref="ArgumentNullException"><paramref name="output"/> is null.</exception>
    public JsonLinesDeliveryLogSink(PipeWriter output)
        : this(output, WriteAll)
    {
    }

    /// <summary>Writes to a pipe that stays the caller's, with members of the caller's choice.</summary>
    /// <param name="output">The pipe.</param>
    /// <param name="members">Writes the members of one object. It must not throw once it has written: the line would be half there.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public JsonLinesDeliveryLogSink(PipeWriter output, Action<Utf8JsonWriter, DeliveryAttempt> members)
        : this(output ?? throw new ArgumentNullException(nameof(output)), members, owned: false)
    {
    }

    /// <summary>Appends to a file, made if absent. Other processes may read it meanwhile.</summary>
    /// <param name="path">The file's path.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public JsonLinesDeliveryLogSink(string path)
        : this(path, WriteAll)
    {
    }

    /// <summary>Appends to a file, made if absent, with members of the caller's choice.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="members">Writes the members of one object. It must not throw once it has written: the line would be half there.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="members"/> is null.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public JsonLinesDeliveryLogSink(string path, Action<Utf8JsonWriter, DeliveryAttempt> members)
        : this(PipeWriter.Create(Open(path), new StreamPipeWriterOptions(minimumBufferSize: 16384)), members, owned: true)
    {
    }

    private JsonLinesDeliveryLogSink(PipeWriter output, Action<Utf8JsonWriter, DeliveryAttempt> members, bool owned)
    {
        ArgumentNullException.ThrowIfNull(members);
        _output = output;
        _members = members;
        _owned = owned;
        _json = new Utf8JsonWriter((IBufferWriter<byte>)output, Compact);
    }

    /// <inheritdoc/>
    public async ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (int i = 0; i < attempts.Length; i++)
            {
                Write(attempts.Span[i]);
            }

            // Not cancelled half-way: what the sink accepted is written, however late.
            await _output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Flushes, and closes the file if the sink opened it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            await _output.FlushAsync().ConfigureAwait(false);
            if (_owned)
            {
                await _output.CompleteAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _turn.Release();
        }

        await _json.DisposeAsync().ConfigureAwait(false);
    }

    private static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
    }

    private void Write(DeliveryAttempt attempt)
    {
        _json.Reset();
        _json.WriteStartObject();
        _members(_json, attempt);
        _json.WriteEndObject();
        _json.Flush();
        _output.Write("\n"u8);
    }

    private static void WriteAll(Utf8JsonWriter json, DeliveryAttempt attempt)
    {
        json.WriteString("idempotency_key"u8, attempt.IdempotencyKey);
        json.WriteString("outcome"u8, DeliveryAttempt.WireName(attempt.Outcome));
        if (!attempt.IsAttempt)
        {
            json.WriteBoolean("attempted"u8, false);
        }

        json.WriteNumber("attempt_number"u8, attempt.AttemptNumber);
        json.WriteNumber("max_attempts"u8, attempt.MaxAttempts);
        json.WriteString("url"u8, attempt.Url);
        json.WriteString("breaker_key"u8, attempt.BreakerKey);
        WriteNumber(json, "http_status_code"u8, attempt.HttpStatusCode);
        WriteText(json, "error_message"u8, attempt.ErrorMessage);
        WriteText(json, "code"u8, attempt.Code);
        json.WriteString("occurred_at"u8, attempt.OccurredAt);
        json.WriteString("completed_at"u8, attempt.CompletedAt);
        json.WriteNumber("response_time_ms"u8, attempt.ResponseTimeMs);
        json.WriteBoolean("will_retry"u8, attempt.WillRetry);
        if (attempt.NextRetryAt is { } next)
        {
            json.WriteString("next_retry_at"u8, next);
        }

        WriteText(json, "sequence_key"u8, attempt.SequenceKey);
        WriteNumber(json, "sequence_number"u8, attempt.SequenceNumber);
        WriteText(json, "task_id"u8, attempt.TaskId);
        WriteText(json, "task_type"u8, attempt.TaskType);
        WriteText(json, "operation_id"u8, attempt.OperationId);
        WriteText(json, "notification_type"u8, attempt.NotificationType);
        WriteText(json, "notification_id"u8, attempt.NotificationId);
        json.WriteNumber("payload_size_bytes"u8, attempt.PayloadSizeBytes);
        if (attempt.SkippedBefore != 0)
        {
            json.WriteNumber("skipped_before"u8, attempt.SkippedBefore);
        }
    }

    private static void WriteText(Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }
}
