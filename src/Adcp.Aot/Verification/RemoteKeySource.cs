using Adcp.Aot.Signing;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Verification;

/// <summary>
/// Reads one sender's keys from where it publishes them and keeps them for a while. They are read again ahead of their end, while the old ones still serve; at once when a
/// signature names a key that is not among them, which is how a rotation is seen; but never more often than every 30 s, whoever asks for whatever. Keys past their
/// lifetime are not used: then <see cref="KeyLookup.Unavailable"/> is the answer. Thread-safe; dispose it after the verifiers that use it.
/// </summary>
public sealed partial class RemoteKeySource : IVerificationKeySource, IDisposable
{
    /// <summary>The largest JWK set in bytes.</summary>
    public const int MaxJwksBytes = 65_536;

    /// <summary>The largest <c>brand.json</c> in bytes.</summary>
    public const int MaxBrandJsonBytes = 262_144;

    private static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(30);

    /// <summary>AdCP publishes the private halves of these.</summary>
    private static readonly HashSet<string> TestKeys = new(StringComparer.Ordinal)
    {
        "test-ed25519-webhook-2026", "test-es256-webhook-2026", "test-wrong-purpose-2026", "test-response-purpose-2026", "test-revoked-webhook-2026",
    };

    private readonly GuardedFetch _fetch;
    private readonly RemoteKeySourceOptions _options;
    private readonly CancellationTokenSource _lifetime = new();
    private readonly Lock _lock = new();
    private readonly string _sender;
    private readonly TargetUri? _brandJson;
    private readonly TargetUri? _agent;
    private TargetUri? _jwksUri;
    private Snapshot? _snapshot;
    private Task? _reading;
    private long? _readingBegan;

    private RemoteKeySource(string sender, TargetUri? brandJson, TargetUri? agent, TargetUri? jwksUri, RemoteKeySourceOptions? options)
    {
        _sender = sender;
        _brandJson = brandJson;
        _agent = agent;
        _jwksUri = jwksUri;
        _options = options ?? new();
        _fetch = new GuardedFetch(_options);
    }

    /// <summary>Reads the keys from a known <c>jwks_uri</c>.</summary>
    /// <param name="jwksUri">The https url of the JWK set.</param>
    /// <param name="sender">Whose keys these are: the url of the agent, as <see cref="VerificationResult.Sender"/> will name it.</param>
    /// <param name="options">How to read; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="jwksUri"/> or <paramref name="sender"/> is null.</exception>
    /// <exception cref="ArgumentException">Not such a url.</exception>
    public static RemoteKeySource FromJwksUri(string jwksUri, string sender, RemoteKeySourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sender);
        return new RemoteKeySource(sender, null, null, Url(jwksUri, options, nameof(jwksUri)), options);
    }

    /// <summary>Finds the keys by the operator's <c>brand.json</c>: the entry of <c>agents[]</c> with the agent's url, its <c>jwks_uri</c>.</summary>
    /// <param name="brandJsonUrl">The https url of the operator's <c>brand.json</c>. It is what you trust: take it from your own records.</param>
    /// <param name="agentUrl">The agent's url, which becomes <see cref="VerificationResult.Sender"/>.</param>
    /// <param name="options">How to read; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="brandJsonUrl"/> or <paramref name="agentUrl"/> is null.</exception>
    /// <exception cref="ArgumentException">Not such a url.</exception>
    public static RemoteKeySource FromBrandJson(string brandJsonUrl, string agentUrl, RemoteKeySourceOptions? options = null)
    {
        TargetUri brandJson = Url(brandJsonUrl, options, nameof(brandJsonUrl));
        return new RemoteKeySource(agentUrl, brandJson, Url(agentUrl, options, nameof(agentUrl)), null, options);
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The source is disposed.</exception>
    public ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_lifetime.IsCancellationRequested, this);
        if (Fresh(out TimeSpan age) is not { } snapshot || snapshot.Keys.Find(keyId.Span) is not { } key)
        {
            return ReadAndFindAsync(keyId, cancellationToken);
        }

        if (age > _options.CacheLifetime / 2)
        {
            _ = Read();
        }

        return new(KeyLookup.Found(key));
    }

    /// <summary>Ends a reading under way.</summary>
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
            ? throw new ArgumentException("An https url without user information is needed.", paramName)
            : parsed;
    }

    private async ValueTask<KeyLookup> ReadAndFindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken)
    {
        if (Read() is { } reading)
        {
            await reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        return Fresh(out _) is not { } snapshot ? KeyLookup.Unavailable
            : snapshot.Keys.Find(keyId.Span) is { } key ? KeyLookup.Found(key)
            : KeyLookup.Unknown;
    }

    private Snapshot? Fresh(out TimeSpan age)
    {
        Snapshot? snapshot = Volatile.Read(ref _snapshot);
        age = snapshot is null ? TimeSpan.MaxValue : _options.TimeProvider.GetElapsedTime(snapshot.ReadAt);
        return age < _options.CacheLifetime ? snapshot : null;
    }

    /// <summary>Joins the reading under way, or begins one.</summary>
    /// <returns>Null where the last one began less than the cool-down ago and is over.</returns>
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
        }

        // Ended by Dispose and by the fetch's own timeout, so it has an end whoever waits for it.
        _ = CompleteAsync(done);
        return done.Task;
    }

    private async Task CompleteAsync(TaskCompletionSource done)
    {
        try
        {
            long began = _options.TimeProvider.GetTimestamp();
            if (await ReadKeysAsync(_lifetime.Token).ConfigureAwait(false) is { } keys)
            {
                Volatile.Write(ref _snapshot, new Snapshot(keys, began));
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or ObjectDisposedException)
        {
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

        (byte[]? document, string? fault) = await _fetch.GetAsync(jwksUri, MaxJwksBytes, cancellationToken).ConfigureAwait(false);
        VerificationKeySet? keys = document is null ? null : VerificationKeySet.Parse(document, _sender, Admits);
        if (keys is null)
        {
            KeysUnread(_options.Logger, "JWK set", jwksUri.Authority, fault ?? "malformed");
        }

        return keys;
    }

    private async Task<TargetUri?> FindJwksUriAsync(TargetUri brandJson, CancellationToken cancellationToken)
    {
        (byte[]? document, string? fault) = await _fetch.GetAsync(brandJson, MaxBrandJsonBytes, cancellationToken).ConfigureAwait(false);
        TargetUri? found = document is null ? null : BrandJson.FindJwksUri(document, _agent!);
        if (found is null)
        {
            KeysUnread(_options.Logger, "brand.json", brandJson.Authority, fault ?? "malformed, or without the agent");
            return null;
        }

        if (_jwksUri is { } before && before.Value != found.Value)
        {
            JwksUriChanged(_options.Logger, brandJson.Authority, before.Authority, found.Authority);
        }

        _jwksUri = found;
        return found;
    }

    private bool Admits(string keyId) => _options.AllowTestKeys || !TestKeys.Contains(keyId);

    [LoggerMessage(EventId = 501, Level = LogLevel.Warning, Message = "A sender's {Document} at {Authority} cannot be read: {Reason}.")]
    private static partial void KeysUnread(ILogger logger, string document, string authority, string reason);

    [LoggerMessage(EventId = 502, Level = LogLevel.Warning, Message = "The brand.json at {Authority} names another jwks_uri than before: {From} is now {To}.")]
    private static partial void JwksUriChanged(ILogger logger, string authority, string from, string to);

    private sealed record Snapshot(VerificationKeySet Keys, long ReadAt);
}
