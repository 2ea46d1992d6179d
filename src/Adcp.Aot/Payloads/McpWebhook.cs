using System.Buffers;
namespace Adcp.Aot.Payloads;
/// <summary>STUB</summary>
public sealed class McpWebhook : WebhookPayload
{
    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in PayloadFacts facts) => throw new NotSupportedException();
}
