using Microsoft.AspNetCore.Http.Metadata;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// The most that a request may send, however it announces its length: routing gives it to the server, which answers 413
/// beyond it.
/// </summary>
internal sealed class BodyLimit : IRequestSizeLimitMetadata
{
    internal const long Bytes = 1 << 20;

    public long? MaxRequestBodySize => Bytes;
}
