using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Storage;

/// <summary>The hashes by which the outbox's tables know lanes, endpoints, tenants, delivery ids and idempotency keys.</summary>
internal static class OutboxHash
{
    private const string FingerprintKey = "fingerprint-of-a-payload";

    /// <summary>Returns the lane of a destination: all urls of an origin are in one.</summary>
    internal static short Lane(WebhookDestination destination) =>
        (short)((ulong)Of(destination.Target.ToString()) % OutboxLanes.Count);

    /// <summary>Returns the hash of the endpoint that a webhook's circuit belongs to.</summary>
    internal static long Endpoint(PreparedWebhook webhook, OutboxOptions options) => Of(
        options.BreakerKey is { } key
            ? KeyOf(options.Tenant, key)
            : EndpointTable.KeyOf(webhook.Destination, options.Tenant, webhook.TaskId));

    /// <summary>Returns the key in the table of endpoints of a caller's own key.</summary>
    internal static string KeyOf(string tenant, string breakerKey) => string.Concat(tenant, " ", breakerKey);

    /// <summary>Returns the id by which operators know an endpoint: the first bytes of the same hash.</summary>
    internal static string EndpointId(long hash) => hash.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Returns the id of the endpoint with a key in the table of endpoints.</summary>
    internal static string EndpointIdOf(string key) => EndpointId(Of(key));

    /// <summary>Returns whether a text has the form of an endpoint's id.</summary>
    internal static bool IsEndpointId(string text) =>
        text.Length == 16 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Returns the hash of the endpoint that operators know by an id.</summary>
    internal static long EndpointOf(string id) => long.Parse(id, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>Returns the hash of a tenant.</summary>
    internal static long Tenant(string tenant) => Of(tenant);

    /// <summary>Returns the hash of a notification type; <see langword="null"/> for none.</summary>
    internal static long? NotificationType(string? type) => type is null ? null : Of(type);

    /// <summary>Returns the hash of an idempotency key, by which operators find a webhook.</summary>
    internal static long IdempotencyKey(string key) => Of(key);

    /// <summary>Returns the hash of a stream within its tenant and lane: order is kept among the webhooks of one owner.</summary>
    internal static long Stream(short lane, OutboxOptions options) =>
        BinaryPrimitives.ReadInt64BigEndian(Binding(string.Create(null, $"{lane} {options.Tenant}"), options.SequenceKey!));

    /// <summary>Returns the hash of a delivery id within its tenant.</summary>
    internal static byte[] Binding(string tenant, string deliveryId)
    {
        using OutboxHashInput input = OutboxHashInput.Rent();
        input.Add(tenant);
        input.Add(deliveryId);
        return input.Hash();
    }

    /// <summary>
    /// Returns the hash of destination and payload, without the idempotency key and the time, which differ each time a payload is
    /// prepared.
    /// </summary>
    internal static byte[] Fingerprint(OutboxItem item, AdcpVersion version)
    {
        WebhookDestination destination = item.Destination;
        using OutboxHashInput input = OutboxHashInput.Rent();
        input.Add(destination.Url);
        input.Add(destination.OperationId);
        input.Add(destination.Token);
        input.Add(destination.Authentication?.Scheme.ToString());
        input.Add(destination.Authentication?.Credentials);
        input.Add(item.Payload.IdempotencyKey);
        foreach ((string name, string value) in item.Payload.Headers ?? [])
        {
            input.Add(name);
            input.Add(value);
        }

        item.Payload.Write(
            input.Bytes,
            new EnvelopeContext(
                version, item.Payload.IdempotencyKey ?? FingerprintKey, DateTimeOffset.UnixEpoch, destination.OperationId,
                destination.Token,
                item.Payload.CarriesSequenceNumber ? 1 : null));
        return input.Hash();
    }

    private static long Of(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using OutboxHashInput input = OutboxHashInput.Rent();
        input.Bytes.Advance(Encoding.UTF8.GetBytes(text, input.Bytes.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));
        SHA256.HashData(input.Bytes.WrittenSpan, hash);
        return BinaryPrimitives.ReadInt64BigEndian(hash);
    }
}
