using System.Buffers;
using System.Text;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>A payload of the test's own; counts how often it is written.</summary>
internal sealed class RawPayload(bool numbered = false) : WebhookPayload
{
    public int Written { get; private set; }

    public string? Body { get; init; }

    public override bool CarriesSequenceNumber => numbered;

    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        Written++;
        output.Write(Encoding.UTF8.GetBytes(Body
            ?? $"{{\"idempotency_key\":\"{facts.IdempotencyKey}\",\"sequence_number\":{facts.SequenceNumber ?? 0}}}"));
    }
}
