using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Adcp.Aot.Network;

namespace Adcp.Aot.Verification;

/// <summary>
/// Reads a small document from an address that passed the destination guard, within 5 s to connect, 10 s in all, and a
/// size limit. Thread-safe.
/// </summary>
internal sealed class GuardedFetch : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TotalTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private readonly DestinationGuard _guard;
    private readonly GuardedHttp _http;
    private readonly TimeProvider _time;

    internal GuardedFetch(RemoteKeySourceOptions options)
    {
        _time = options.TimeProvider;
        _guard = new DestinationGuard(new DestinationGuardOptions
        {
            AllowHttp = options.AllowHttp,
            AllowPrivateNetworks = options.AllowPrivateNetworks,
            Nat64Prefixes = options.Nat64Prefixes,
            Resolver = options.Resolver,
            TimeProvider = options.TimeProvider,
        });
        _http = new GuardedHttp(_guard, new GuardedHttpOptions(
            ConnectTimeout, TotalTimeout, ConnectionLifetime, options.TimeProvider, options.Revocation));
    }

    /// <summary>Gets the connections that documents are read over.</summary>
    internal GuardedHttp Http => _http;

    public void Dispose() => _http.Dispose();

    /// <param name="url">The url.</param>
    /// <param name="maxBytes">The size limit.</param>
    /// <param name="followsWww">Whether redirects are followed by the rule of <see cref="WwwRedirect"/>. Otherwise none is.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The document, or the reason why there is none: a short word without url, host or address.</returns>
    internal async Task<(byte[]? Document, string? Fault)> GetAsync(
        TargetUri url, int maxBytes, bool followsWww, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(TotalTimeout, _time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            TargetUri current = url;
            for (int redirects = 0; ; redirects++)
            {
                if (_guard.Refuse(current) is { } rule)
                {
                    return (null, rule);
                }

                using HttpResponseMessage response = await SendAsync(current, linked.Token).ConfigureAwait(false);
                if (!followsWww || !WwwRedirect.IsRedirect(response.StatusCode))
                {
                    return await DocumentAsync(response, maxBytes, linked.Token).ConfigureAwait(false);
                }

                if (redirects == WwwRedirect.MaxRedirects)
                {
                    return (null, "too many redirects");
                }

                string? location = response.Headers.TryGetValues("Location", out IEnumerable<string>? values) ? values.First() : null;
                if (WwwRedirect.Next(url, current, location) is not { } next)
                {
                    return (null, "redirect to another host than the domain and its www name");
                }

                current = next;
            }
        }
        catch (Exception fault) when (IsExpected(fault))
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (null, timeout.IsCancellationRequested || fault is OperationCanceledException ? "timeout" : "connection failed");
        }
    }

    private static bool IsExpected(Exception fault) =>
        fault is OperationCanceledException or HttpRequestException or IOException or SocketException or TimeoutException
            or AuthenticationException;

    /// <summary>
    /// Sends the request, and sends it again on a new connection if a kept one turns out to be closed.
    /// </summary>
    private async Task<HttpResponseMessage> SendAsync(TargetUri url, CancellationToken cancellationToken)
    {
        long opened = _http.Opened;
        try
        {
            return await SendAsync(url, newConnection: false, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested && GuardedHttp.IsStaleConnection(fault, opened))
        {
            return await SendAsync(url, newConnection: true, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(TargetUri url, bool newConnection, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, url.ToRequestUri());
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        request.Headers.TryAddWithoutValidation("User-Agent", "Adcp.Aot");

        // A shared cache in between may hold a document that is older than a key's rotation.
        request.Headers.TryAddWithoutValidation("Cache-Control", "no-cache");
        return await _http.SendAsync(request, newConnection, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<(byte[]? Document, string? Fault)> DocumentAsync(
        HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            return (null, $"HTTP {(int)response.StatusCode}");
        }

        byte[]? document = response.Content.Headers.ContentLength > maxBytes
            ? null
            : await BoundedBody.ReadAsync(response.Content, maxBytes, cancellationToken).ConfigureAwait(false);
        return document is null ? (null, "too large") : (document, null);
    }
}
