using System.Buffers;
using Adcp.Aot.Network;
using Adcp.Aot.Sending;

namespace Adcp.Aot;

/// <summary>
/// The destination of one registration's webhooks: url, operation id, token and authentication, parsed and checked
/// once. Keep it and use it for every send: the supervisor remembers the endpoint in it. Immutable to its users and
/// safe for concurrent use.
/// </summary>
public sealed class WebhookDestination
{
    internal const int MinTokenLength = 16;
    internal const int MaxTokenLength = 4096;

    private const int MaxOperationIdLength = 255;

    private static readonly SearchValues<char> OperationIdCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-");

    /// <summary>Checks and canonicalises a registration.</summary>
    /// <param name="url">An absolute http or https URL without userinfo.</param>
    /// <param name="operationId">The registration's <c>operation_id</c>, echoed verbatim.</param>
    /// <param name="token">The registration's <c>token</c>, echoed verbatim in the body.</param>
    /// <param name="authentication">The registration's <c>authentication</c>, which replaces the sender's own scheme;
    /// null for the sender's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="url"/> is null.</exception>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public WebhookDestination(string url, string? operationId = null, string? token = null, WebhookAuthentication? authentication = null)
    {
        ArgumentNullException.ThrowIfNull(url);
        if (url.Length > DestinationGuard.MaxUrlLength)
        {
            throw new ArgumentException("A webhook url has at most 2048 characters.", nameof(url));
        }

        if (!TargetUri.TryParse(url, out TargetUri? target, out string? reason))
        {
            throw new ArgumentException($"Not a webhook url: {reason}.", nameof(url));
        }

        if (target.HadUserInfo)
        {
            throw new ArgumentException("A webhook url cannot carry user information; register a token or authentication instead.",
                nameof(url));
        }

        if (operationId is not null
            && (operationId.Length is 0 or > MaxOperationIdLength || operationId.AsSpan().ContainsAnyExcept(OperationIdCharacters)))
        {
            throw new ArgumentException(
                $"An operation id is 1 to {MaxOperationIdLength} characters of A-Z a-z 0-9 _ . : -", nameof(operationId));
        }

        if (token is not null)
        {
            CheckToken(token);
        }

        Url = url;
        Target = target;
        RequestUri = target.ToRequestUri();
        NeedsHostHeader = NeedsHost(target, RequestUri);
        OperationId = operationId;
        Token = token;
        Authentication = authentication;
    }

    /// <summary>The url as given. It may hold secrets: do not log it.</summary>
    public string Url { get; }

    /// <summary>The canonical form that is signed and requested.</summary>
    public TargetUri Target { get; }

    /// <summary>The registration's <c>operation_id</c>.</summary>
    public string? OperationId { get; }

    /// <summary>The registration's <c>token</c>, a secret.</summary>
    public string? Token { get; }

    /// <summary>
    /// The registration's <c>authentication</c>, with its secret; <c>null</c> if the sender's own scheme is used.
    /// </summary>
    public WebhookAuthentication? Authentication { get; }

    /// <summary>The canonical url for an HTTP client.</summary>
    internal Uri RequestUri { get; }

    /// <summary>Gets whether the client would send another <c>Host</c> than the signed one.</summary>
    internal bool NeedsHostHeader { get; }

    /// <summary>The guard that last accepted the url, so that it is asked once.</summary>
    internal DestinationGuard? AdmittedBy { get; set; }

    /// <summary>The endpoint that a supervisor's table last resolved for this destination.</summary>
    internal EndpointHandle? Endpoint { get; set; }

    /// <summary>Returns the authority only: path, query, token and authentication may hold secrets.</summary>
    public override string ToString() => Target.Authority;

    /// <summary>
    /// <see cref="Uri"/> shortens a spelled-out IPv6 address, but the receiver compares <c>Host</c> with the signed
    /// one.
    /// </summary>
    internal static bool NeedsHost(TargetUri target, Uri request) => request.Authority != target.Authority;

    private static void CheckToken(string token)
    {
        if (token.Length is < MinTokenLength or > MaxTokenLength)
        {
            throw new ArgumentException($"A token has {MinTokenLength} to {MaxTokenLength} characters.", nameof(token));
        }

        for (int i = 0; i < token.Length; i++)
        {
            bool pair = char.IsHighSurrogate(token[i]) && i + 1 < token.Length && char.IsLowSurrogate(token[i + 1]);
            if (char.IsControl(token[i]) || (char.IsSurrogate(token[i]) && !pair))
            {
                throw new ArgumentException("A token holds no control characters and no lone surrogates.", nameof(token));
            }

            i += pair ? 1 : 0;
        }
    }
}
