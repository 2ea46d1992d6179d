using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot.Network;

/// <summary>
/// Makes all HTTP requests of this library to untrusted hosts: checked addresses, no redirect, no proxy but a configured one, no cookie,
/// no decompression, no resumed TLS session, no trace headers. Pools connections, and can make a request on a new one.
/// Thread-safe.
/// </summary>
internal sealed class GuardedHttp : IDisposable
{
    /// <summary>The longest response headers, in KiB: as large as common servers and proxies can send them.</summary>
    internal const int MaxHeadersKiB = 64;

    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan ExpectTimeout = TimeSpan.FromSeconds(1);

    private readonly PinnedConnector _connector;
    private readonly GuardedHttpOptions _options;
    private readonly HostMemory _hosts = new();
    private readonly ConcurrentDictionary<WatchedStream, bool> _http2 = new();
    private readonly HttpMessageInvoker _pooled;
    private readonly Lazy<HttpMessageInvoker> _unpooled;
    private long _opened;

    internal GuardedHttp(DestinationGuard guard, GuardedHttpOptions options)
    {
        _options = options;

        // No session is resumed: two destinations of one host may be two trust boundaries.
        Tls = new SslClientAuthenticationOptions
        {
            AllowTlsResume = false,
            CertificateRevocationCheckMode = options.Revocation,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            RemoteCertificateValidationCallback = CertificateRefusedException.Validate,
            CertificateChainPolicy = options.Roots is { } roots ? PolicyOf(roots, options.Revocation) : null,

            // A context, because a plain collection of certificates is filtered by the issuers that the host names.
            ClientCertificateContext = options.ClientCertificate is { } certificate
                ? SslStreamCertificateContext.Create(certificate, null, offline: true)
                : null,
        };
        _connector = new PinnedConnector(guard, options.ConnectTimeout, options.TimeProvider, _hosts, options.Proxy);
        _pooled = new HttpMessageInvoker(Wrapped(options.ConnectionLifetime));
        _unpooled = new Lazy<HttpMessageInvoker>(() => new HttpMessageInvoker(Wrapped(TimeSpan.Zero)));
    }

    /// <summary>Gets the TLS policy of all connections.</summary>
    internal SslClientAuthenticationOptions Tls { get; }

    /// <summary>
    /// The number of connections that were ever opened. Read before a request, it separates connections that existed
    /// before from new ones.
    /// </summary>
    internal long Opened => Volatile.Read(ref _opened);

    /// <summary>Sends over a pooled connection, or over a new one that no other request has used or will use.</summary>
    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, bool newConnection, CancellationToken cancellationToken) =>
        (newConnection ? _unpooled.Value : _pooled).SendAsync(request, cancellationToken);

    /// <summary>
    /// Returns whether a failure only shows that a kept connection was old: it was closed or reset before a byte of the
    /// answer, and it had been open before the request, or had carried another one.
    /// </summary>
    /// <param name="fault">The failure of a request.</param>
    /// <param name="openedBefore"><see cref="Opened"/> before the request.</param>
    internal static bool IsStaleConnection(Exception fault, long openedBefore)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is ConnectionLostException { Connection: var connection })
            {
                bool kept = connection.Number <= openedBefore || connection.Requests > 1;
                return kept && connection.IsUnanswered && !IsTimeout(inner.InnerException);
            }
        }

        return false;

        static bool IsTimeout(Exception? cause) =>
            (cause as SocketException ?? cause?.InnerException as SocketException)?.SocketErrorCode == SocketError.TimedOut;
    }

    /// <summary>Returns whether a host is known to refuse <c>Expect: 100-continue</c> or not to answer it.</summary>
    internal bool IgnoresExpect(Uri request) => _hosts.IgnoresExpect(request.IdnHost, request.Port);

    /// <summary>Remembers that a host refused <c>Expect: 100-continue</c>.</summary>
    internal void AvoidExpect(Uri request) => _hosts[request.IdnHost, request.Port].IgnoresExpect = true;

    /// <summary>
    /// Closes the HTTP/2 connections to a host that were silent since a request began that timed out. If a stream is
    /// cancelled, its connection stays in the pool, and pings have gaps: without this, further requests would wait on a
    /// dead connection.
    /// </summary>
    /// <param name="request">The address of the request that timed out.</param>
    /// <param name="startedAt">The <see cref="Stopwatch"/> timestamp of its start.</param>
    internal void CloseSilent(Uri request, long startedAt)
    {
        foreach (WatchedStream connection in _http2.Keys)
        {
            if (connection.Port == request.Port && connection.Host == request.IdnHost && connection.LastHeard < startedAt)
            {
                connection.Dispose();
            }
        }
    }

    public void Dispose()
    {
        _pooled.Dispose();
        if (_unpooled.IsValueCreated)
        {
            _unpooled.Value.Dispose();
        }
    }

    private static X509ChainPolicy PolicyOf(IReadOnlyList<X509Certificate2> roots, X509RevocationMode revocation)
    {
        X509ChainPolicy policy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = revocation,
            RevocationFlag = X509RevocationFlag.ExcludeRoot,
        };
        policy.CustomTrustStore.AddRange(roots.ToArray());
        return policy;
    }

    private HttpMessageHandler Wrapped(TimeSpan connectionLifetime)
    {
        SocketsHttpHandler handler = Handler(connectionLifetime);
        return _options.WrapHandler is { } wrap
            ? wrap(handler) ?? throw new InvalidOperationException("The function WrapHandler returned null.")
            : handler;
    }

    private SocketsHttpHandler Handler(TimeSpan connectionLifetime)
    {
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            PooledConnectionLifetime = connectionLifetime,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            KeepAlivePingDelay = _options.PingDelay,
            KeepAlivePingTimeout = PingTimeout,
            Expect100ContinueTimeout = ExpectTimeout,
            MaxResponseHeadersLength = MaxHeadersKiB,
            MaxResponseDrainSize = 0,
            ConnectTimeout = _options.TotalTimeout,
            ConnectCallback = _connector.ConnectAsync,
            PlaintextStreamFilter = Watch,
            SslOptions = Tls,
        };

        return handler;
    }

    private ValueTask<Stream> Watch(SocketsHttpPlaintextStreamFilterContext context, CancellationToken cancellationToken)
    {
        Uri request = context.InitialRequestMessage.RequestUri!;
        bool isHttp2 = context.NegotiatedHttpVersion.Major == 2;
        HostFacts facts = _hosts[request.IdnHost, request.Port];
        WatchedStream connection = new(
            context.PlaintextStream, Interlocked.Increment(ref _opened), request.IdnHost, request.Port, isHttp2, facts, Forget);
        if (isHttp2)
        {
            _http2.TryAdd(connection, true);
        }

        return new(connection);
    }

    private void Forget(WatchedStream connection)
    {
        if (connection.IsHttp2)
        {
            _http2.TryRemove(connection, out _);
        }
    }
}
