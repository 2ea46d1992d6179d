using System.Buffers;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Writes one JSON object per line (snake_case, absent members left out) to a pipe or file. A batch is written as a
/// whole. Safe for the calls of a supervisor, also inline: batches are written one after another.
/// </summary>
/// <remarks>
/// If a file cannot take a batch, such as on a full disk, the batch is lost and leaves nothing in the file. If a pipe
/// could not flush a batch, it keeps it, and further batches are lost until it is flushed. Both are exceptions, which a
/// supervisor counts. Memory does not grow in either case.
/// </remarks>
public sealed class JsonLinesDeliveryLogSink : IDeliveryLogSink, IAsyncDisposable
{
    /// <summary>The size above which a buffer is not kept.</summary>
    private const int MaxKeptBuffer = 1 << 20;

    private static readonly TimeSpan DefaultDisposeTimeout = TimeSpan.FromSeconds(5);

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.Default, SkipValidation = true };

    private readonly LineOutput _output;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Action<Utf8JsonWriter, DeliveryAttempt> _members;
    private readonly Utf8JsonWriter _json;
    private ArrayBufferWriter<byte> _line = new();
    private ArrayBufferWriter<byte> _batch = new();
    private bool _disposed;

    /// <summary>Writes to a pipe. The caller completes it.</summary>
    /// <param name="output">The pipe.</param>
    /// <exception cref="ArgumentNullException"><paramref name="output"/> is null.</exception>
    public JsonLinesDeliveryLogSink(PipeWriter output)
        : this(output, WriteAll)
    {
    }

    /// <summary>Writes to a pipe, with members of the caller's choice. The caller completes the pipe.</summary>
    /// <param name="output">The pipe.</param>
    /// <param name="members">Writes the members of one object. If it throws, the record is lost and the other records of the batch are
    /// written.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public JsonLinesDeliveryLogSink(PipeWriter output, Action<Utf8JsonWriter, DeliveryAttempt> members)
        : this(
            new LinePipe(output ?? throw new ArgumentNullException(nameof(output))),
            members ?? throw new ArgumentNullException(nameof(members)))
    {
    }

    /// <summary>
    /// Appends to a file. Other processes may read it meanwhile, and may truncate it to rotate it, but must not write
    /// to it. If the file does not exist, it is created, on Unix readable by its owner alone. If its last line has no
    /// newline, as after a crash, the first record starts a new line.
    /// </summary>
    /// <param name="path">The file's path.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public JsonLinesDeliveryLogSink(string path)
        : this(path, WriteAll)
    {
    }

    /// <summary>Appends to a file as <see cref="JsonLinesDeliveryLogSink(string)"/> does, with members of the caller's choice.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="members">Writes the members of one object. If it throws, the record is lost and the other records of the batch are
    /// written.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="members"/> is null.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public JsonLinesDeliveryLogSink(string path, Action<Utf8JsonWriter, DeliveryAttempt> members)
        : this(members is null ? throw new ArgumentNullException(nameof(members)) : new LineFile(path), members)
    {
    }

    internal JsonLinesDeliveryLogSink(LineOutput output, Action<Utf8JsonWriter, DeliveryAttempt>? members = null)
    {
        _output = output;
        _members = members ?? WriteAll;
        _json = new Utf8JsonWriter(_line, Compact);
    }

    /// <summary>Gets how long <see cref="DisposeAsync"/> waits for a write that does not end, by the machine's clock.</summary>
    internal TimeSpan DisposeTimeout { get; init; } = DefaultDisposeTimeout;

    /// <inheritdoc/>
    public async ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Exception? first = null;
            foreach (DeliveryAttempt attempt in attempts.Span)
            {
                first = Write(attempt) ?? first;
            }

            if (_batch.WrittenCount > 0)
            {
                await _output.WriteAsync(_batch.WrittenMemory).ConfigureAwait(false);
            }

            if (first is not null)
            {
                throw new InvalidOperationException("The members of a record could not be written.", first);
            }
        }
        finally
        {
            Reset(ref _batch);
            _turn.Release();
        }
    }

    /// <summary>Closes the file if the sink opened it. Flushes a pipe. Safe to call more than once.</summary>
    /// <exception cref="TimeoutException">A write has not ended within 5 s.</exception>
    public async ValueTask DisposeAsync()
    {
        if (!await _turn.WaitAsync(DisposeTimeout).ConfigureAwait(false))
        {
            throw new TimeoutException("The audit output is not closed: a write to it has not ended.");
        }

        try
        {
            if (!_disposed)
            {
                _disposed = true;
                await _json.DisposeAsync().ConfigureAwait(false);
                await _output.DisposeAsync().AsTask().WaitAsync(DisposeTimeout, TimeProvider.System).ConfigureAwait(false);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private static void Reset(ref ArrayBufferWriter<byte> buffer)
    {
        if (buffer.Capacity > MaxKeptBuffer)
        {
            buffer = new();
        }
        else
        {
            buffer.ResetWrittenCount();
        }
    }

    /// <summary>Adds a line to the batch if the whole line can be written.</summary>
    private Exception? Write(DeliveryAttempt attempt)
    {
        try
        {
            _json.Reset(_line);
            _json.WriteStartObject();
            _members(_json, attempt);
            _json.WriteEndObject();
            _json.Flush();
            _line.Write("\n"u8);
            _batch.Write(_line.WrittenSpan);
            return null;
        }
        catch (Exception fault)
        {
            return fault;
        }
        finally
        {
            Reset(ref _line);
        }
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
        if (attempt.ConnectionReplaced)
        {
            json.WriteBoolean("connection_replaced"u8, true);
        }

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
