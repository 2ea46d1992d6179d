using System.Buffers.Binary;
using System.Text;
using Adcp.Aot.Delivery;
using Adcp.Aot.Network;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Storage;

/// <summary>A frozen webhook with everything that its attempts need, as the bytes under an <see cref="OutboxSeal"/>.</summary>
/// <remarks>Texts come first, each as its length in bytes plus one (0 for null) and UTF-8, in the order of the constructor; then headers,
/// sequence number, and the body.</remarks>
internal sealed class OutboxWebhook
{
    /// <summary>The most headers of a webhook that is enqueued.</summary>
    internal const int MaxHeaders = 256;

    /// <summary>The header that holds the span of the enqueueing. No header of a request can have this name.</summary>
    private const string TraceHeader = ":traceparent";

    private readonly string?[] _texts;
    private readonly KeyValuePair<string, string>[] _headers;
    private readonly long _sequenceNumber;
    private readonly ReadOnlyMemory<byte> _body;

    internal OutboxWebhook(PreparedWebhook webhook, OutboxOptions options, long? sequenceNumber, string? traceParent = null)
        : this(
            [
                webhook.IdempotencyKey, webhook.Destination.Url, webhook.Destination.OperationId, webhook.Destination.Token,
                webhook.Destination.Authentication?.Scheme.ToString(), webhook.Destination.Authentication?.Credentials,
                webhook.TaskId, webhook.TaskType, options.NotificationType ?? webhook.NotificationType, webhook.NotificationId,
                options.Tenant, options.BreakerKey, options.SequenceKey, options.DeliveryId, options.AuthorizationContext,
            ],
            [.. webhook.Headers ?? [], .. traceParent is null ? [] : Traced(traceParent)],
            sequenceNumber ?? 0,
            webhook.Body)
    {
    }

    private OutboxWebhook(string?[] texts, KeyValuePair<string, string>[] headers, long sequenceNumber, ReadOnlyMemory<byte> body)
    {
        _texts = texts;
        _headers = headers;
        _sequenceNumber = sequenceNumber;
        _body = body;
    }

    private enum Text
    {
        IdempotencyKey,
        Url,
        OperationId,
        Token,
        Scheme,
        Credentials,
        TaskId,
        TaskType,
        NotificationType,
        NotificationId,
        Tenant,
        BreakerKey,
        SequenceKey,
        DeliveryId,
        AuthorizationContext,
        Count,
    }

    internal string IdempotencyKey => _texts[(int)Text.IdempotencyKey]!;

    internal string Tenant => _texts[(int)Text.Tenant]!;

    /// <summary>Gets host and port of the receiver; <see langword="null"/> if the url is none that this program accepts.</summary>
    internal string? Authority => TargetUri.TryParse(_texts[(int)Text.Url], out TargetUri? target, out _) ? target.Authority : null;

    internal string? TaskId => _texts[(int)Text.TaskId];

    /// <summary>Gets the key of the endpoint; <see langword="null"/> if the destination is none that this program accepts.</summary>
    internal string? EndpointKey
    {
        get
        {
            if (_texts[(int)Text.BreakerKey] is { } key)
            {
                return OutboxHash.KeyOf(Tenant, key);
            }

            try
            {
                return EndpointTable.KeyOf(ToPrepared().Destination, Tenant, TaskId);
            }
            catch (ArgumentException)
            {
                return null;
            }
        }
    }

    internal string? NotificationType => _texts[(int)Text.NotificationType];

    internal string? DeliveryId => _texts[(int)Text.DeliveryId];

    /// <summary>Gets the number that the delivery has in its stream; 0 for none.</summary>
    internal long SequenceNumber => _sequenceNumber;

    internal ReadOnlyMemory<byte> Body => _body;

    /// <summary>Gets the W3C id of the span of the enqueueing; <see langword="null"/> for none.</summary>
    internal string? TraceParent => Array.Find(_headers, static header => header.Key == TraceHeader).Value;

    /// <summary>Gets the length in bytes.</summary>
    internal int Length
    {
        get
        {
            int length = 4 + 8 + _body.Length;
            foreach (string? text in _texts)
            {
                length += LengthOf(text);
            }

            foreach ((string name, string value) in _headers)
            {
                length += LengthOf(name) + LengthOf(value);
            }

            return length;
        }
    }

    /// <summary>Writes <see cref="Length"/> bytes.</summary>
    internal void Write(Span<byte> output)
    {
        foreach (string? text in _texts)
        {
            Append(ref output, text);
        }

        BinaryPrimitives.WriteInt32BigEndian(output, _headers.Length);
        output = output[4..];
        foreach ((string name, string value) in _headers)
        {
            Append(ref output, name);
            Append(ref output, value);
        }

        BinaryPrimitives.WriteInt64BigEndian(output, SequenceNumber);
        _body.Span.CopyTo(output[8..]);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <returns><see langword="null"/> if the bytes are something else.</returns>
    internal static OutboxWebhook? Read(byte[] bytes)
    {
        ReadOnlySpan<byte> input = bytes;
        string?[] texts = new string?[(int)Text.Count];
        for (int i = 0; i < texts.Length; i++)
        {
            if (!TryTake(ref input, out texts[i]))
            {
                return null;
            }
        }

        if (texts[(int)Text.IdempotencyKey] is null || texts[(int)Text.Url] is null || texts[(int)Text.Tenant] is null
            || !BinaryPrimitives.TryReadInt32BigEndian(input, out int count) || count is < 0 or > MaxHeaders + 1)
        {
            return null;
        }

        input = input[4..];
        KeyValuePair<string, string>[] headers = new KeyValuePair<string, string>[count];
        for (int i = 0; i < count; i++)
        {
            if (!TryTake(ref input, out string? name) || !TryTake(ref input, out string? value) || name is null || value is null)
            {
                return null;
            }

            headers[i] = new(name, value);
        }

        return BinaryPrimitives.TryReadInt64BigEndian(input, out long number) && input.Length > 8
            ? new OutboxWebhook(texts, headers, number, bytes.AsMemory(bytes.Length - input.Length + 8))
            : null;
    }

    /// <summary>Gets whether a later program enqueued it, with an authentication that this program does not know.</summary>
    internal bool IsOfLaterProgram => _texts[(int)Text.Scheme] is { } scheme && !Enum.TryParse<AuthenticationScheme>(scheme, out _);

    /// <summary>Returns the webhook as an attempt needs it.</summary>
    /// <param name="authentication">The credentials; <see langword="null"/> for those that were enqueued.</param>
    /// <exception cref="ArgumentException">A value breaks a rule that this program has and the program that enqueued it
    /// had not.</exception>
    internal PreparedWebhook ToPrepared(WebhookAuthentication? authentication = null)
    {
        authentication ??= _texts[(int)Text.Scheme] is { } scheme
            ? new WebhookAuthentication(Enum.Parse<AuthenticationScheme>(scheme), _texts[(int)Text.Credentials] ?? "")
            : null;
        WebhookDestination destination = new(
            _texts[(int)Text.Url]!, _texts[(int)Text.OperationId], _texts[(int)Text.Token], authentication);
        return new PreparedWebhook(destination, _body, IdempotencyKey)
        {
            TaskId = TaskId,
            TaskType = _texts[(int)Text.TaskType],
            NotificationType = NotificationType,
            NotificationId = _texts[(int)Text.NotificationId],
            Headers = Array.FindAll(_headers, static header => header.Key != TraceHeader) is { Length: > 0 } sent ? sent : null,
        };
    }

    /// <summary>
    /// Returns the webhook as a new emission of the same event: with another idempotency key and time, and with the same notification id.
    /// </summary>
    /// <param name="key">The new key.</param>
    /// <param name="firedAt">The new time, as it stands in a body.</param>
    /// <returns>
    /// <see langword="null"/> if the event must not be emitted again: it has no notification id, or it reports on a task.
    /// </returns>
    internal OutboxWebhook? Renew(string key, string firedAt)
    {
        if (TaskId is not null || _texts[(int)Text.NotificationId] is not { } notification
            || OutboxBody.Renew(_body, key, notification, firedAt) is not { } body)
        {
            return null;
        }

        string?[] texts = [.. _texts];
        texts[(int)Text.IdempotencyKey] = key;
        return new OutboxWebhook(texts, _headers, _sequenceNumber, body);
    }

    /// <summary>Returns the attempt that an authorizer decides about.</summary>
    internal PlannedAttempt ToPlanned(PreparedWebhook prepared, int attempt) => new(Tenant, prepared)
    {
        DeliveryId = DeliveryId,
        Context = _texts[(int)Text.AuthorizationContext],
        AttemptNumber = attempt,
    };

    /// <summary>Returns the options of an attempt.</summary>
    internal DeliveryOptions ToOptions(RetryPolicy retry) => new()
    {
        Tenant = Tenant,
        BreakerKey = _texts[(int)Text.BreakerKey],
        Retry = retry,
    };

    private static KeyValuePair<string, string>[] Traced(string traceParent) => [new(TraceHeader, traceParent)];

    private static int LengthOf(string? text) => 4 + (text is null ? 0 : Encoding.UTF8.GetByteCount(text));

    private static void Append(ref Span<byte> output, string? text)
    {
        int written = text is null ? 0 : Encoding.UTF8.GetBytes(text, output[4..]);
        BinaryPrimitives.WriteInt32BigEndian(output, text is null ? 0 : written + 1);
        output = output[(4 + written)..];
    }

    private static bool TryTake(ref ReadOnlySpan<byte> input, out string? text)
    {
        text = null;
        if (!BinaryPrimitives.TryReadInt32BigEndian(input, out int length) || length < 0 || length - 1 > input.Length - 4)
        {
            return false;
        }

        input = input[4..];
        if (length > 0)
        {
            text = Encoding.UTF8.GetString(input[..(length - 1)]);
            input = input[(length - 1)..];
        }

        return true;
    }
}
