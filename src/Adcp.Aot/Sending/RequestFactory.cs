using System.Diagnostics;
using System.Net;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Sending;

/// <summary>Creates the authenticated requests of a prepared webhook. Thread-safe.</summary>
internal sealed partial class RequestFactory
{
    private static readonly Version Http2 = new(2, 0);

    private readonly WebhookAuthenticator? _authenticator;
    private readonly TenantKey? _tenant;
    private readonly WebhookSenderOptions _options;
    private readonly ILogger _logger;
    private int _deprecationLogged;

    internal RequestFactory(WebhookAuthenticator authenticator, WebhookSenderOptions options, ILogger logger)
        : this(options, logger)
    {
        _authenticator = authenticator;
        LogDeprecation(authenticator);
    }

    private RequestFactory(WebhookSenderOptions options, ILogger logger)
    {
        _options = options;
        _logger = logger;
    }

    private RequestFactory(TenantKey tenant, WebhookSenderOptions options, ILogger logger)
        : this(options, logger) => _tenant = tenant;

    /// <summary>Returns a factory that authenticates by the key of a tenant, and is otherwise the same.</summary>
    internal RequestFactory For(TenantKey tenant) => new(tenant, _options, _logger);

    /// <summary>
    /// Authenticates by the registration's scheme if it has one, otherwise by the sender's or the tenant's. Never by both.
    /// </summary>
    internal ValueTask<HttpRequestMessage> CreateAsync(
        PreparedWebhook webhook, TargetUri target, GuardedHttp http, bool mayExpect, CancellationToken cancellationToken)
    {
        WebhookAuthenticator? chosen = webhook.Destination.Authentication?.Authenticator ?? _authenticator;
        if (chosen is not null)
        {
            return CreateAsync(chosen, webhook, target, http, mayExpect, cancellationToken);
        }

        ValueTask<WebhookAuthenticator> key = _tenant!.GetAsync(cancellationToken);
        return key.IsCompletedSuccessfully
            ? CreateAsync(key.Result, webhook, target, http, mayExpect, cancellationToken)
            : AwaitKeyAsync(key, webhook, target, http, mayExpect, cancellationToken);
    }

    private async ValueTask<HttpRequestMessage> AwaitKeyAsync(
        ValueTask<WebhookAuthenticator> key, PreparedWebhook webhook, TargetUri target, GuardedHttp http, bool mayExpect,
        CancellationToken cancellationToken)
    {
        WebhookAuthenticator chosen = await key.ConfigureAwait(false);
        return await CreateAsync(chosen, webhook, target, http, mayExpect, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask<HttpRequestMessage> CreateAsync(
        WebhookAuthenticator chosen, PreparedWebhook webhook, TargetUri target, GuardedHttp http, bool mayExpect,
        CancellationToken cancellationToken)
    {
        LogDeprecation(chosen);
        string? digest = chosen.SendsContentDigest ? webhook.ContentDigest : null;
        UnsignedAttempt unsigned = new(target, webhook.Body, digest.AsMemory(), webhook.IdempotencyKey, _options.TimeProvider.GetUtcNow());
        AttemptHeaders headers = AttemptHeaders.Rent();
        ValueTask authenticated = chosen.AuthenticateAsync(unsigned, headers, cancellationToken);
        return authenticated.IsCompletedSuccessfully
            ? new(Request(webhook, target, digest, headers, http, mayExpect))
            : RequestAsync(authenticated, webhook, target, digest, headers, http, mayExpect);
    }

    /// <summary>Creates the request after a remote key has signed.</summary>
    private async ValueTask<HttpRequestMessage> RequestAsync(
        ValueTask authenticated, PreparedWebhook webhook, TargetUri target, string? digest, AttemptHeaders headers, GuardedHttp http,
        bool mayExpect)
    {
        await authenticated.ConfigureAwait(false);
        return Request(webhook, target, digest, headers, http, mayExpect);
    }

    private TenantRequest Request(
        PreparedWebhook webhook, TargetUri target, string? digest, AttemptHeaders authentication, GuardedHttp http,
        bool mayExpect)
    {
        bool rewritten = !ReferenceEquals(target, webhook.Destination.Target);
        TenantRequest request = new(HttpMethod.Post, rewritten ? target.ToRequestUri() : webhook.Destination.RequestUri, webhook.Tenant)
        {
            Content = new BodyContent(webhook.Body, digest),
            Version = _options.Http2 ? Http2 : HttpVersion.Version11,
            VersionPolicy = _options.Http2 && !target.IsHttps
                ? HttpVersionPolicy.RequestVersionExact
                : HttpVersionPolicy.RequestVersionOrLower,
        };
        if (rewritten ? WebhookDestination.NeedsHost(target, request.RequestUri!) : webhook.Destination.NeedsHostHeader)
        {
            request.Headers.Host = target.Authority;
        }

        request.Headers.TryAddWithoutValidation("User-Agent", "Adcp.Aot");
        if (_options.PropagatesTraceContext && Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } id } current)
        {
            request.Headers.TryAddWithoutValidation("traceparent", id);
            if (current.TraceStateString is { Length: > 0 } state)
            {
                request.Headers.TryAddWithoutValidation("tracestate", state);
            }
        }

        for (int i = 0; i < authentication.Count; i++)
        {
            request.Headers.TryAddWithoutValidation(authentication.Name(i), authentication.Text(i));
        }

        AttemptHeaders.Return(authentication);

        // HTTP/2 receives an early answer while it writes.
        if (webhook.Body.Length >= WatchedStream.LargeBody && mayExpect && !_options.Http2 && !http.IgnoresExpect(request.RequestUri!))
        {
            request.Headers.ExpectContinue = true;
        }

        if (webhook.Headers is { } headers)
        {
            HeaderRules.Check(headers);
            foreach ((string name, string value) in headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return request;
    }

    private void LogDeprecation(WebhookAuthenticator authenticator)
    {
        if (authenticator.Deprecated is not { } scheme || Volatile.Read(ref _deprecationLogged) != 0
            || Interlocked.Exchange(ref _deprecationLogged, 1) != 0)
        {
            return;
        }

        AuthenticationDeprecated(_logger, scheme);
    }

    [LoggerMessage(
        EventId = AdcpEventIds.AuthenticationDeprecated, Level = LogLevel.Warning,
        Message = "Webhooks are authenticated by {Scheme}, which AdCP has deprecated and 4.0 removes; "
            + "ask for registrations without an authentication block.")]
    private static partial void AuthenticationDeprecated(ILogger logger, string scheme);
}
