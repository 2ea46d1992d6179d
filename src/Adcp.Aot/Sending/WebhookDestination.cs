using Adcp.Aot.Signing;

namespace Adcp.Aot.Sending;

/// <summary>
/// Where webhooks of one registration go: url, operation id and token, parsed and checked once. Keep it and use it for every send:
/// the supervisor remembers the endpoint in it. Immutable to its users and safe for concurrent use.
/// </summary>
public sealed class WebhookDestination
{
    /// <summary>Checks and canonicalises a registration.</summary>
    /// <param name="url">An absolute http or https URL without userinfo.</param>
    /// <param name="operationId">The registration's <c>operation_id</c>, echoed verbatim.</param>
    /// <param name="token">The registration's <c>token</c>, echoed verbatim in the body.</param>
    /// <exception cref="ArgumentNullException"><paramref name="url"/> is null.</exception>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public WebhookDestination(string url, string? operationId = null, string? token = null)
    {
        ArgumentNullException.ThrowIfNull(url);
        if (!TargetUri.TryParse(url, out TargetUri? target, out string? reason))
        {
            throw new ArgumentException($"Not a webhook url: {reason}.", nameof(url));
        }

        Url = url;
        Target = target;
        OperationId = operationId;
        Token = token;
    }

    /// <summary>The url as given. It may hold secrets: do not log it.</summary>
    public string Url { get; }

    /// <summary>The canonical form that is signed and requested.</summary>
    public TargetUri Target { get; }

    /// <summary>The registration's <c>operation_id</c>.</summary>
    public string? OperationId { get; }

    /// <summary>The registration's <c>token</c>, a secret.</summary>
    public string? Token { get; }

    /// <summary>The endpoint that a supervisor's table last resolved for this destination; opaque to this room.</summary>
    internal object? Endpoint { get; set; }

    /// <summary>Names the authority only: path, query and token may hold secrets.</summary>
    public override string ToString() => Target.Authority;
}
