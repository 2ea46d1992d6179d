using Microsoft.AspNetCore.Http.Metadata;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// The maximum size of a request, even if it announces no length. Routing passes it to the server, which answers 413
/// beyond it.
/// </summary>
internal sealed class BodyLimit : IRequestSizeLimitMetadata
{
    internal const long Bytes = 1 << 20;

    public long? MaxRequestBodySize => Bytes;
}
