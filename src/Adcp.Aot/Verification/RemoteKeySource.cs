using Adcp.Aot.Network;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Verification;

/// <summary>
/// Reads one sender's published keys and caches them. Thread-safe; dispose it after the verifiers that use it.
/// </summary>
/// <remarks>
/// Keys are read again before they expire, while the old ones still serve. They are also read at once if a signature
/// names a key that is not among them, which is how a rotation is noticed. They are never read more often than every 30
/// s. Expired keys are not used. A key id is <see cref="KeyLookup.Unknown"/> only if the keys were read after the
/// lookup began. An older set may lack a key that was published since, so the answer is then
/// <see cref="KeyLookup.UnavailableFor"/> with the time until the next reading. So a forged request that uses up a
/// reading cannot make a rotated key fail permanently. If a key is published in a form that may not verify webhooks, it
/// is looked up again by the same rule.
/// </remarks>
public sealed partial class RemoteKeySource : IVerificationKeySource, INonBlocking, IDisposable
{
    /// <summary>The largest JWK set in bytes.</summary>
    public const int MaxJwksBytes = 65_536;

    /// <summary>
    /// The maximum number of lookups that wait for one reading. Further ones get the answer that the keys are
    /// unavailable.
    /// </summary>
    internal const int MaxWaiting = 64;

    private static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(30);

    /// <summary>The key ids whose private halves AdCP publishes.</summary>
    private static readonly HashSet<string> TestKeys = new(StringComparer.Ordinal)
    {
        "test-ed25519-webhook-2026", "test-es256-webhook-2026", "test-wrong-purpose-2026", "test-response-purpose-2026",
            "test-revoked-webhook-2026",
    };

    private readonly GuardedFetch _fetch;
    private readonly RemoteKeySourceOptions _options;
    private readonly GuardedLogger _logger;
    private readonly CancellationTokenSource _lifetime = new();
    private readonly Lock _lock = new();
    private readonly string _sender;
    private readonly TargetUri? _brandJson;
    private readonly bool _isDerived;
    private readonly TargetUri? _agent;
    private TargetUri? _jwksUri;
    private Snapshot? _snapshot;
    private Task? _reading;
    private long? _readingBegan;
    private long _readings;
    private int _waiting;

    private RemoteKeySource(
        string sender, TargetUri? brandJson, bool isDerived, TargetUri? agent, TargetUri? jwksUri, RemoteKeySourceOptions? options)
    {
        _sender = sender;
        _brandJson = brandJson;
        _isDerived = isDerived;
        _agent = agent;
        _jwksUri = jwksUri;
        _options = options ?? new();
        _logger = GuardedLogger.Of(_options.Logger);
        _fetch = new GuardedFetch(_options);
    }

    /// <summary>Gets the connections that documents are read over.</summary>
    internal GuardedHttp Http => _fetch.Http;

    /// <summary>Reads the keys from a known <c>jwks_uri</c>.</summary>
    /// <param name="jwksUri">The https url of the JWK set.</param>
    /// <param name="sender">The owner of the keys: the url of the agent, as <see cref="VerificationResult.Sender"/>
    /// names it.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="jwksUri"/> or <paramref name="sender"/> is null.</exception>
    /// <exception cref="ArgumentException">The url is not valid, or its host is not that of
    /// <see cref="RemoteKeySourceOptions.KeyOrigin"/>.</exception>
    public static RemoteKeySource FromJwksUri(string jwksUri, string sender, RemoteKeySourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sender);
        TargetUri url = Url(jwksUri, options, nameof(jwksUri));
        return options?.KeyHost is { } host && host != url.Host
            ? throw new ArgumentException($"Its host is not that of KeyOrigin, {options.KeyOrigin}.", nameof(jwksUri))
            : new RemoteKeySource(sender, null, false, null, url, options);
    }

    /// <summary>
    /// Finds the keys by the <c>brand.json</c> of the operator's domain, <c>https://DOMAIN/.well-known/brand.json</c>: the
    /// <c>jwks_uri</c> of the entry of <c>agents[]</c> with the agent's url.
    /// </summary>
    /// <remarks>
    /// Redirects are followed only between the domain and its exact <c>www</c> name, three at most, with https and the same port. The
    /// document may point to another one once: to an <c>authoritative_location</c>, which is read without redirects, or to the domain
    /// of a <c>house</c>.
    /// </remarks>
    /// <param name="domain">The operator's domain, such as <c>seller.example</c>. Trust rests on it: take it from your own records.
    /// For development it may be an origin, such as <c>http://localhost:8080</c>.</param>
    /// <param name="agentUrl">The agent's url, which becomes <see cref="VerificationResult.Sender"/>.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="domain"/> or <paramref name="agentUrl"/> is null.</exception>
    /// <exception cref="ArgumentException">The domain or the url is not valid.</exception>
    public static RemoteKeySource FromDomain(string domain, string agentUrl, RemoteKeySourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(domain);
        string origin = domain.Contains("://", StringComparison.Ordinal) ? domain.TrimEnd('/') : "https://" + domain;
        TargetUri brandJson = Url(origin + BrandJson.WellKnownPath, options, nameof(domain));
        return brandJson.PathAndQuery == BrandJson.WellKnownPath
            ? new RemoteKeySource(agentUrl, brandJson, true, Url(agentUrl, options, nameof(agentUrl)), null, options)
            : throw new ArgumentException("Must be a domain, such as seller.example, without a path.", nameof(domain));
    }

    /// <summary>
    /// Finds the keys by the operator's <c>brand.json</c>: the <c>jwks_uri</c> of the entry of <c>agents[]</c> with the
    /// agent's url. No redirect is followed, because the url is an explicit one, such as <c>identity.brand_json_url</c>. The document may
    /// point to another one once, as for <see cref="FromDomain"/>.
    /// </summary>
    /// <param name="brandJsonUrl">The https url of the operator's <c>brand.json</c>. Trust rests on it: take it from
    /// your own records.</param>
    /// <param name="agentUrl">The agent's url, which becomes <see cref="VerificationResult.Sender"/>.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="brandJsonUrl"/> or <paramref name="agentUrl"/> is null.</exception>
    /// <exception cref="ArgumentException">A url is not valid.</exception>
    public static RemoteKeySource FromBrandJson(string brandJsonUrl, string agentUrl, RemoteKeySourceOptions? options = null)
    {
        TargetUri brandJson = Url(brandJsonUrl, options, nameof(brandJsonUrl));
        return new RemoteKeySource(agentUrl, brandJson, false, Url(agentUrl, options, nameof(agentUrl)), null, options);
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The source is disposed.</exception>
    public ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_lifetime.IsCancellationRequested, this);
        if (Fresh(out TimeSpan age) is not { } snapshot || snapshot.Keys.Find(keyId.Span) is not { MayVerifyWebhooks: true } key)
        {
            return ReadAndFindAsync(keyId, cancellationToken);
        }

        if (age > _options.CacheLifetime / 2)
        {
            _ = Read();
        }

        return new(KeyLookup.Found(key));
    }

    /// <summary>Cancels a reading under way.</summary>
    public void Dispose()
    {
        _lifetime.Cancel();
        _fetch.Dispose();
    }

    private static TargetUri Url(string url, RemoteKeySourceOptions? options, string paramName)
    {
        ArgumentNullException.ThrowIfNull(url, paramName);
        if (!TargetUri.TryParse(url, out TargetUri? parsed, out string? reason))
        {
            throw new ArgumentException($"Not a url: {reason}.", paramName);
        }

        return parsed.HadUserInfo || (!parsed.IsHttps && options is not { AllowHttp: true })
            ? throw new ArgumentException("Must be an https url without user information.", paramName)
            : parsed;
    }

    private async ValueTask<KeyLookup> ReadAndFindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken)
    {
        long begunBefore = Volatile.Read(ref _readings);
        if (Read() is { } reading)
        {
            if (Interlocked.Increment(ref _waiting) > MaxWaiting)
            {
                Interlocked.Decrement(ref _waiting);
                return KeyLookup.UnavailableFor(TimeSpan.FromSeconds(1));
            }

            try
            {
                await reading.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }
        }

        // A negative answer ends a delivery permanently, so it needs a set that was read after the lookup began.
        Snapshot? snapshot = Fresh(out _);
        VerificationKey? key = snapshot?.Keys.Find(keyId.Span);
        bool mayRefuse = snapshot is not null && snapshot.Number > begunBefore;
        return key is not null && (key.MayVerifyWebhooks || mayRefuse) ? KeyLookup.Found(key)
            : mayRefuse ? KeyLookup.Unknown
            : KeyLookup.UnavailableFor(UntilNextReading());
    }

    private TimeSpan UntilNextReading()
    {
        lock (_lock)
        {
            TimeSpan passed = _readingBegan is { } began ? _options.TimeProvider.GetElapsedTime(began) : Cooldown;
            return passed < Cooldown ? Cooldown - passed : TimeSpan.Zero;
        }
    }

    private Snapshot? Fresh(out TimeSpan age)
    {
        Snapshot? snapshot = Volatile.Read(ref _snapshot);
        age = snapshot is null ? TimeSpan.MaxValue : _options.TimeProvider.GetElapsedTime(snapshot.ReadAt);
        return age < _options.CacheLifetime ? snapshot : null;
    }

    /// <summary>Joins the reading under way, or begins one.</summary>
    /// <returns><c>null</c> if the last one has ended and began less than the cool-down ago.</returns>
    private Task? Read()
    {
        TaskCompletionSource done;
        lock (_lock)
        {
            if (_reading is { IsCompleted: false })
            {
                return _reading;
            }

            if (_readingBegan is { } began && _options.TimeProvider.GetElapsedTime(began) < Cooldown)
            {
                return null;
            }

            done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _reading = done.Task;
            _readingBegan = _options.TimeProvider.GetTimestamp();
            Volatile.Write(ref _readings, _readings + 1);
        }

        // Dispose and the fetch's own timeout end it, so it ends even if no lookup waits for it.
        _ = CompleteAsync(done);
        return done.Task;
    }

    private async Task CompleteAsync(TaskCompletionSource done)
    {
        try
        {
            long began = _options.TimeProvider.GetTimestamp();
            long number = Volatile.Read(ref _readings);
            if (await ReadKeysAsync(_lifetime.Token).ConfigureAwait(false) is { } keys)
            {
                Volatile.Write(ref _snapshot, new Snapshot(keys, began, number));
            }
        }
        catch (Exception) when (_lifetime.IsCancellationRequested)
        {
            // Disposed. The waiting lookups find no fresh keys.
        }
        catch (Exception fault)
        {
            KeysFailed(_logger, fault, (_brandJson ?? _jwksUri)!.Authority);
        }
        finally
        {
            done.SetResult();
        }
    }

    private async Task<VerificationKeySet?> ReadKeysAsync(CancellationToken cancellationToken)
    {
        TargetUri? jwksUri = _brandJson is null ? _jwksUri : await FindJwksUriAsync(_brandJson, cancellationToken).ConfigureAwait(false);
        if (jwksUri is null)
        {
            return null;
        }

        if (_options.KeyHost is { } host && host != jwksUri.Host)
        {
            KeyOriginMismatch(_logger, _sender, jwksUri.Authority, host);
            return VerificationKeySet.Empty;
        }

        (byte[]? document, string? fault) =
            await _fetch.GetAsync(jwksUri, MaxJwksBytes, followsWww: false, cancellationToken).ConfigureAwait(false);
        VerificationKeySet? keys = document is null ? null : VerificationKeySet.Parse(document, _sender, Admits);
        if (keys is null)
        {
            KeysUnread(_logger, "JWK set", jwksUri.Authority, fault ?? "malformed");
        }

        return keys;
    }

    private async Task<TargetUri?> FindJwksUriAsync(TargetUri brandJson, CancellationToken cancellationToken)
    {
        (BrandJson brand, string? fault) = await ReadBrandAsync(brandJson, _isDerived, cancellationToken).ConfigureAwait(false);
        if (brand.Location is { } location)
        {
            (brand, fault) = await ReadBrandAsync(location, brand.IsDerived, cancellationToken).ConfigureAwait(false);
            fault ??= brand.Location is null ? null : "it points to a document that points to another one";
        }

        if (brand.JwksUri is not { } found)
        {
            KeysUnread(_logger, "brand.json", brandJson.Authority, fault ?? "malformed, or without the agent");
            return null;
        }

        if (_jwksUri is { } before && before.Value != found.Value)
        {
            JwksUriChanged(_logger, brandJson.Authority, before.Authority, found.Authority);
        }

        _jwksUri = found;
        return found;
    }

    private async Task<(BrandJson Brand, string? Fault)> ReadBrandAsync(
        TargetUri url, bool isDerived, CancellationToken cancellationToken)
    {
        (byte[]? document, string? fault) =
            await _fetch.GetAsync(url, _options.MaxBrandJsonBytes, followsWww: isDerived, cancellationToken).ConfigureAwait(false);
        return (document is null ? default : BrandJson.Read(document, _agent!), fault);
    }

    private bool Admits(string keyId) => _options.AllowTestKeys || !TestKeys.Contains(keyId);

    [LoggerMessage(
        EventId = AdcpEventIds.KeysUnread,
        Level = LogLevel.Warning,
        Message = "The {Document} at {Authority} cannot be read: {Reason}. The sender's webhooks are answered 503 when its keys are "
            + "older than their lifetime.")]
    private static partial void KeysUnread(ILogger logger, string document, string authority, string reason);

    [LoggerMessage(EventId = AdcpEventIds.JwksUriChanged, Level = LogLevel.Warning,
        Message = "The brand.json at {Authority} names another jwks_uri than before: {From} is now {To}.")]
    private static partial void JwksUriChanged(ILogger logger, string authority, string from, string to);

    [LoggerMessage(EventId = AdcpEventIds.KeyReadingFailed, Level = LogLevel.Error,
        Message = "The keys at {Authority} could not be read: the reading failed in an unexpected way.")]
    private static partial void KeysFailed(ILogger logger, Exception fault, string authority);

    [LoggerMessage(EventId = AdcpEventIds.KeyOriginMismatch, Level = LogLevel.Error,
        Message = "The keys of {Sender} are not used: its jwks_uri is at {Authority}, and its key origin is {Host}. Its webhooks are "
            + "refused. Compare KeyOrigin with identity.key_origins.webhook_signing of its capabilities.")]
    private static partial void KeyOriginMismatch(ILogger logger, string sender, string authority, string host);

    private sealed record Snapshot(VerificationKeySet Keys, long ReadAt, long Number);
}
