using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// Reads a small document from an address that passed the destination guard: 5 s to connect, 10 s in all, no redirect, no proxy, no cookie, no compression, and not one byte
/// more than allowed. Thread-safe.
/// </summary>
internal sealed class GuardedFetch : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TotalTimeout = TimeSpan.FromSeconds(10);

    private readonly DestinationGuard _guard;
    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _time;

    internal GuardedFetch(RemoteKeySourceOptions options)
    {
        _time = options.TimeProvider;
        _guard = new DestinationGuard(options.AllowHttp, options.AllowPrivateNetworks, allowedPorts: null);
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            MaxResponseHeadersLength = 16,
            MaxResponseDrainSize = 0,
            ConnectTimeout = TotalTimeout,
            ConnectCallback = new PinnedConnector(_guard, ConnectTimeout, options.TimeProvider, options.Resolver).ConnectAsync,
        };
        handler.SslOptions.AllowTlsResume = false;
        handler.SslOptions.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        _http = new HttpMessageInvoker(handler);
    }

    public void Dispose() => _http.Dispose();

    /// <returns>The document, or the reason why there is none: a short word without url, host or address.</returns>
    internal async Task<(byte[]? Document, string? Fault)> GetAsync(TargetUri url, int maxBytes, CancellationToken cancellationToken)
    {
        if (_guard.Refuse(url) is { } rule)
        {
            return (null, rule);
        }

        using CancellationTokenSource timeout = new(TotalTimeout, _time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        using HttpRequestMessage request = new(HttpMethod.Get, url.ToRequestUri());
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        request.Headers.TryAddWithoutValidation("User-Agent", "Adcp.Aot");
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(request, linked.Token).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return (null, $"HTTP {(int)response.StatusCode}");
            }

            byte[]? document = response.Content.Headers.ContentLength > maxBytes ? null : await ReadAsync(response, maxBytes, linked.Token).ConfigureAwait(false);
            return document is null ? (null, "too large") : (document, null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, "timeout");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or SocketException or TimeoutException or AuthenticationException)
        {
            return (null, "connection failed");
        }
    }

    private static async Task<byte[]?> ReadAsync(HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(maxBytes + 1);
        try
        {
            using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            int length = await stream.ReadAtLeastAsync(buffer.AsMemory(0, maxBytes + 1), maxBytes + 1, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            return length > maxBytes ? null : buffer.AsSpan(0, length).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
