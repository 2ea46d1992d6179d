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

    /// <summary>The shortest time of a timer, which may fire a little before the clock shows its time.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly PinnedConnector _connector;
    private readonly GuardedHttpOptions _options;
    private readonly HostMemory _hosts = new();
    private readonly ConcurrentDictionary<WatchedStream, bool> _http2 = new();
    private readonly Lock _lock = new();

    /// <summary>The pools of earlier certificates, each with the time when it was replaced. Requests may still run on them.</summary>
    private readonly List<(Pools Pools, long At)> _replaced = [];

    private Pools _pools;

    /// <summary>Disposes the replaced pools; <see langword="null"/> before the first renewal.</summary>
    private ITimer? _retirement;
    private EgressCertificates.Pair? _refused;
    private int _isRenewing;
    private bool _isDisposed;
    private long _opened;

    internal GuardedHttp(DestinationGuard guard, GuardedHttpOptions options)
    {
        _options = options;
        _connector = new PinnedConnector(guard, options.ConnectTimeout, options.TimeProvider, _hosts, options.Proxy);
        _pools = new Pools(this, options.Certificates?.Current);
    }

    /// <summary>Gets the TLS policy of new connections.</summary>
    internal SslClientAuthenticationOptions Tls => CurrentPools().Tls;

    /// <summary>
    /// The number of connections that were ever opened. Read before a request, it separates connections that existed
    /// before from new ones.
    /// </summary>
    internal long Opened => Volatile.Read(ref _opened);

    /// <summary>Sends over a pooled connection, or over a new one that no other request has used or will use.</summary>
    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, bool newConnection, CancellationToken cancellationToken) =>
        CurrentPools().SendAsync(request, newConnection, cancellationToken);

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
        lock (_lock)
        {
            _isDisposed = true;
            _retirement?.Dispose();
            _pools.Dispose();
            _replaced.ForEach(static replaced => replaced.Pools.Dispose());
            _replaced.Clear();
        }
    }

    /// <summary>Returns the pools of the present certificates. A pool has one TLS policy, so renewed certificates need new pools.</summary>
    private Pools CurrentPools()
    {
        Pools pools = Volatile.Read(ref _pools);
        return _options.Certificates is { } certificates && !ReferenceEquals(certificates.Current, pools.Certificates)
            ? Renew(certificates)
            : pools;
    }

    /// <summary>
    /// Makes pools for renewed certificates, in one request at a time and outside the lock, because a function of the user takes part. If
    /// it throws, that request fails, and others continue with the earlier pools.
    /// </summary>
    private Pools Renew(EgressCertificates certificates)
    {
        EgressCertificates.Pair current = certificates.Current;
        if (ReferenceEquals(current, Volatile.Read(ref _refused)) || Interlocked.Exchange(ref _isRenewing, 1) != 0)
        {
            return Volatile.Read(ref _pools);
        }

        Pools? renewed = null;
        try
        {
            renewed = new Pools(this, current);
            lock (_lock)
            {
                if (!_isDisposed && !ReferenceEquals(current, _pools.Certificates))
                {
                    _replaced.Add((_pools, _options.TimeProvider.GetTimestamp()));
                    Volatile.Write(ref _pools, renewed);
                    renewed = null;
                    Retire();
                }

                return _pools;
            }
        }
        catch
        {
            Volatile.Write(ref _refused, current);
            throw;
        }
        finally
        {
            renewed?.Dispose();
            Volatile.Write(ref _isRenewing, 0);
        }
    }

    /// <summary>
    /// Disposes the replaced pools that no request uses any more, and sets the timer for the others. A request that took a pool has ended
    /// after its timeout; twice that is time for one that had not begun.
    /// </summary>
    private void Retire()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            TimeProvider time = _options.TimeProvider;
            long now = time.GetTimestamp();
            TimeSpan Left(long at) => (2 * _options.TotalTimeout) - time.GetElapsedTime(at, now);
            _replaced.RemoveAll(replaced =>
            {
                bool isIdle = Left(replaced.At) <= TimeSpan.Zero;
                if (isIdle)
                {
                    replaced.Pools.Dispose();
                }

                return isIdle;
            });
            if (_replaced.Count > 0)
            {
                _retirement ??= time.CreateTimer(
                    static http => ((GuardedHttp)http!).Retire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                TimeSpan next = Left(_replaced[0].At);
                _retirement.Change(next > Shortest ? next : Shortest, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private SslClientAuthenticationOptions TlsOf(EgressCertificates.Pair? certificates) => new()
    {
        // No session is resumed: two destinations of one host may be two trust boundaries.
        AllowTlsResume = false,
        CertificateRevocationCheckMode = _options.Revocation,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        RemoteCertificateValidationCallback = CertificateRefusedException.Validate,
        CertificateChainPolicy = certificates?.Roots is { } roots ? PolicyOf(roots, _options.Revocation) : null,

        // A context, because a plain collection of certificates is filtered by the issuers that the host names.
        ClientCertificateContext = certificates?.ClientCertificate is { } certificate
            ? SslStreamCertificateContext.Create(certificate, null, offline: true)
            : null,
    };

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

    private HttpMessageHandler Wrapped(TimeSpan connectionLifetime, SslClientAuthenticationOptions tls)
    {
        SocketsHttpHandler handler = Handler(connectionLifetime, tls);
        return _options.WrapHandler is { } wrap
            ? wrap(handler) ?? throw new InvalidOperationException("The function WrapHandler returned null.")
            : handler;
    }

    private SocketsHttpHandler Handler(TimeSpan connectionLifetime, SslClientAuthenticationOptions tls)
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
            SslOptions = tls,
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

    /// <summary>The connections of one TLS policy: kept ones, and those for a single request.</summary>
    private sealed class Pools : IDisposable
    {
        private readonly HttpMessageInvoker _pooled;
        private readonly Lazy<HttpMessageInvoker> _unpooled;

        internal Pools(GuardedHttp owner, EgressCertificates.Pair? certificates)
        {
            Certificates = certificates;
            Tls = owner.TlsOf(certificates);
            _pooled = new HttpMessageInvoker(owner.Wrapped(owner._options.ConnectionLifetime, Tls));
            _unpooled = new Lazy<HttpMessageInvoker>(() => new HttpMessageInvoker(owner.Wrapped(TimeSpan.Zero, Tls)));
        }

        internal EgressCertificates.Pair? Certificates { get; }

        internal SslClientAuthenticationOptions Tls { get; }

        internal Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, bool newConnection, CancellationToken cancellationToken) =>
            (newConnection ? _unpooled.Value : _pooled).SendAsync(request, cancellationToken);

        public void Dispose()
        {
            _pooled.Dispose();
            if (_unpooled.IsValueCreated)
            {
                _unpooled.Value.Dispose();
            }
        }
    }
}
