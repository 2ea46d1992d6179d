using System.Net;

namespace Adcp.Aot.Sending;

/// <summary>The frozen body as HTTP content, sent without a copy.</summary>
internal sealed class BodyContent : HttpContent
{
    private readonly ReadOnlyMemory<byte> _body;

    internal BodyContent(ReadOnlyMemory<byte> body, string? contentDigest)
    {
        _body = body;
        Headers.TryAddWithoutValidation("Content-Type", "application/json");
        if (contentDigest is not null)
        {
            Headers.TryAddWithoutValidation("Content-Digest", contentDigest);
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        stream.WriteAsync(_body, cancellationToken).AsTask();

    protected override bool TryComputeLength(out long length)
    {
        length = _body.Length;
        return true;
    }
}
