using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The hashes are stored in the tables, and programs of other versions read them: their input never changes.</summary>
public sealed class OutboxHashTests
{
    public static TheoryData<string> Texts => new("", "t1", "ä\U0001F600", new string('x', 5_000), new string('ß', 100_000));

    [Theory]
    [MemberData(nameof(Texts))]
    public void Hash_of_a_text_is_the_first_eight_bytes_of_its_sha256(string text)
    {
        long expected = BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

        Assert.Equal((expected, expected), (OutboxHash.Tenant(text), OutboxHash.IdempotencyKey(text)));
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Hash_of_a_delivery_id_covers_the_lengths_of_tenant_and_id(string text)
    {
        Assert.Equal(Hash(text, "id"), OutboxHash.Binding(text, "id"));
        Assert.Equal(Hash("tenant", text), OutboxHash.Binding("tenant", text));
        Assert.NotEqual(OutboxHash.Binding("ab", "c"), OutboxHash.Binding("a", "bc"));
    }

    [Fact]
    public void Fingerprint_covers_the_destination_and_then_the_payload()
    {
        OutboxItem item = OutboxHarness.Item(id: "id");
        ArrayBufferWriter<byte> body = new();
        item.Payload.Write(
            body,
            new EnvelopeContext(
                AdcpVersion.V32, "fingerprint-of-a-payload", DateTimeOffset.UnixEpoch, item.Destination.OperationId, item.Destination.Token,
                null));
        byte[] destination = Input(item.Destination.Url, item.Destination.OperationId, item.Destination.Token, null, null, null);

        Assert.Equal(SHA256.HashData([.. destination, .. body.WrittenSpan]), OutboxHash.Fingerprint(item, AdcpVersion.V32));
    }

    [Fact]
    public void Payload_that_throws_leaves_nothing_in_the_next_hash()
    {
        OutboxItem item = new(OutboxHarness.Item().Destination, new ThrowingPayload(), new OutboxOptions { Tenant = "t1" });

        Assert.Throws<IOException>(() => OutboxHash.Fingerprint(item, AdcpVersion.V32));

        Assert.Equal(Hash("t1", "id"), OutboxHash.Binding("t1", "id"));
    }

    private static byte[] Hash(params string?[] texts) => SHA256.HashData(Input(texts));

    private static byte[] Input(params string?[] texts)
    {
        using MemoryStream input = new();
        Span<byte> length = stackalloc byte[4];
        foreach (string? text in texts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
            BinaryPrimitives.WriteInt32BigEndian(length, text is null ? -1 : bytes.Length);
            input.Write(length);
            input.Write(bytes);
        }

        return input.ToArray();
    }

    private sealed class ThrowingPayload : WebhookPayload
    {
        public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
        {
            output.Write("half"u8);
            throw new IOException("gone");
        }
    }
}
