namespace Adcp.Aot.Network;

/// <summary>
/// Lets an <see cref="HttpClient"/> reach only destinations that a <see cref="DestinationGuard"/> allows: it connects to addresses that
/// passed, follows no redirect, and uses no proxy and no cookies. Thread-safe.
/// </summary>
/// <remarks>For requests of your own to urls that others gave. Webhooks go through a sender, which uses the same rules.</remarks>
public sealed class GuardedHttpHandler : HttpMessageHandler
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    /// <summary>The client's own timeout ends requests earlier.</summary>
    private static readonly TimeSpan TotalTimeout = TimeSpan.FromMinutes(10);

    private readonly DestinationGuard _guard;
    private readonly GuardedHttp _http;

    /// <summary>Creates a handler.</summary>
    /// <param name="options">The destinations that are allowed, and the resolver.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    public GuardedHttpHandler(DestinationGuardOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _guard = new DestinationGuard(options);
        _http = new GuardedHttp(_guard, new GuardedHttpOptions(ConnectTimeout, TotalTimeout, ConnectionLifetime, options.TimeProvider));
    }

    /// <inheritdoc/>
    /// <exception cref="DestinationNotAllowedException">The guard refuses the destination.</exception>
    /// <exception cref="HttpRequestException">The request failed.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        string? fault = !TargetUri.TryParse(request.RequestUri?.OriginalString, out TargetUri? target, out string? reason) ? reason
            : target.HadUserInfo ? "the url carries user information"
            : _guard.Refuse(target);
        if (fault is not null)
        {
            throw new DestinationNotAllowedException(fault, null);
        }

        try
        {
            return await _http.SendAsync(request, newConnection: false, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException failure) when (failure.InnerException is DestinationRefusedException refusal)
        {
            throw new DestinationNotAllowedException(refusal.Message, refusal);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _http.Dispose();
        }

        base.Dispose(disposing);
    }
}
