using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using NSec.Cryptography;

namespace Adcp.Aot.Benchmarks.Http;

/// <summary>
/// The same requests written by hand over <see cref="HttpMessageInvoker"/>, with the time limit that a request to an
/// untrusted host needs, and bare requests without one. No retry, breaker, concurrency limit or record.
/// </summary>
internal sealed class HandWrittenClient : IDisposable
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        ActivityHeadersPropagator = null,
        EnableMultipleHttp2Connections = true,
    });

    private readonly Rfc9421Signer _signer;
    private readonly Key _bareKey = Key.Create(NSec.Cryptography.SignatureAlgorithm.Ed25519);
    private readonly (TargetUri Target, Uri Uri)[] _targets;
    private readonly Version _version;
    private readonly byte[] _bareBody;
    private readonly byte[] _bareBase = new byte[1024];
    private readonly int _bareBaseLength;

    internal HandWrittenClient(SigningKey key, IEnumerable<string> urls, bool http2)
    {
        _signer = new Rfc9421Signer(key);
        _targets = [.. urls.Select(static url => (Parse(url), new Uri(url)))];
        _version = http2 ? HttpVersion.Version20 : HttpVersion.Version11;
        _bareBody = Body("whk_0123456789abcdef0123456789abcdef").ToArray();

        // As long as ours: the signed part is hashed twice.
        string digest = Rfc9421Signer.ContentDigest(_bareBody);
        _signer.Sign(_targets[0].Target, digest, DateTimeOffset.UtcNow, out string input, out _);
        _bareBaseLength = Rfc9421Signer.WriteBase(_targets[0].Target, digest, Encoding.ASCII.GetBytes(input["sig1=".Length..]), _bareBase);
    }

    internal async Task SignedAsync(int endpoint)
    {
        ReadOnlyMemory<byte> body = Body("whk_" + Guid.NewGuid().ToString("N"));
        string digest = Rfc9421Signer.ContentDigest(body.Span);
        _signer.Sign(_targets[endpoint].Target, digest, DateTimeOffset.UtcNow, out string input, out string signature);
        using HttpRequestMessage request = Request(endpoint, body);
        request.Content!.Headers.TryAddWithoutValidation("Content-Digest", digest);
        request.Headers.TryAddWithoutValidation("User-Agent", "Adcp.Aot");
        request.Headers.TryAddWithoutValidation("Signature-Input", input);
        request.Headers.TryAddWithoutValidation("Signature", signature);
        using CancellationTokenSource limit = new(TimeLimit);
        await SendAsync(request, limit.Token);
    }

    /// <summary>An unsigned request of the same body, a bare signature and a bare digest beside it.</summary>
    internal async Task BareAsync(int endpoint)
    {
        Sign();
        using HttpRequestMessage request = Request(endpoint, _bareBody);
        await SendAsync(request, CancellationToken.None);

        void Sign()
        {
            Span<byte> output = stackalloc byte[64];
            SHA256.HashData(_bareBody, output);
            NSec.Cryptography.SignatureAlgorithm.Ed25519.Sign(_bareKey, _bareBase.AsSpan(0, _bareBaseLength), output);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _bareKey.Dispose();
    }

    internal static ReadOnlyMemory<byte> Body(string key)
    {
        ArrayBufferWriter<byte> body = new(512);
        using Utf8JsonWriter json = new(body, new JsonWriterOptions { SkipValidation = true });
        json.WriteStartObject();
        json.WriteString("idempotency_key"u8, key);
        json.WriteString("operation_id"u8, Webhooks.OperationId);
        json.WriteString("task_id"u8, Webhooks.TaskId);
        json.WriteString("task_type"u8, "create_media_buy"u8);
        json.WriteString("protocol"u8, "media-buy"u8);
        json.WriteString("status"u8, "completed"u8);
        json.WriteString("timestamp"u8, DateTimeOffset.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
        json.WritePropertyName("result"u8);
        json.WriteRawValue(Webhooks.Result, skipInputValidation: true);
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }

    private static TargetUri Parse(string url) =>
        TargetUri.TryParse(url, out TargetUri? target, out string? reason) ? target : throw new FormatException(reason);

    private HttpRequestMessage Request(int endpoint, ReadOnlyMemory<byte> body)
    {
        HttpRequestMessage request = new(HttpMethod.Post, _targets[endpoint].Uri)
        {
            Content = new ReadOnlyMemoryContent(body),
            Version = _version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return request;
    }

    private async Task SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidOperationException($"{response.StatusCode}");
        }
    }
}
