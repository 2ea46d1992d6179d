using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Operations;

/// <summary>The state of an endpoint, for operators. Immutable. It shows no secret.</summary>
public sealed record EndpointStatus
{
    private const int IdBytes = 8;

    /// <summary>
    /// Gets the id: the first 16 hexadecimal digits of the SHA-256 of the endpoint's key. It is the same in every process.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>
    /// Gets the endpoint's key for display: its tenant, if it has one, and its url. A path segment that may be a secret is a short hash;
    /// see <see cref="DeliveryAttempt.Url"/>.
    /// </summary>
    public required string Name { get; init; }

    /// <summary>
    /// Gets the state of the circuit; <see langword="null"/> if this process has no worker, so that it knows only whether an operator
    /// isolated the endpoint.
    /// </summary>
    public required CircuitState? State { get; init; }

    /// <summary>
    /// Gets the isolation that the store keeps; <see langword="null"/> if the endpoint is not isolated, or in memory only.
    /// </summary>
    public OperatorStop? Isolation { get; init; }

    /// <summary>Gets the number of consecutive failures; 0 if the circuit is not closed.</summary>
    public int ConsecutiveFailures { get; init; }

    /// <summary>Gets the number of attempts under way.</summary>
    public int InFlight { get; init; }

    /// <summary>
    /// Gets the webhooks that wait for an attempt: those waiting for a later one in the store, and those in the memory of this process's
    /// worker. 10,000 means at least as many. <see langword="null"/> in memory, or if the store does not answer. Webhooks that no worker
    /// has read yet are not counted.
    /// </summary>
    public long? Backlog { get; init; }

    /// <summary>Gets the HTTP status of the last failed attempt; <see langword="null"/> if none failed, or if it had none.</summary>
    public int? LastStatusCode { get; init; }

    /// <summary>Gets the last failure in words; <see langword="null"/> if none is known.</summary>
    public string? LastError { get; init; }

    /// <summary>
    /// Gets the time until the circuit lets an attempt pass; <see langword="null"/> if it does not refuse, or refuses always.
    /// </summary>
    public TimeSpan? NextProbeIn { get; init; }

    /// <summary>Returns id and state.</summary>
    public override string ToString() => $"{Id} {State?.ToString() ?? "unknown"}, {ConsecutiveFailures} failures";

    /// <summary>Returns the state of an endpoint of a table.</summary>
    /// <param name="snapshot">The endpoint.</param>
    public static EndpointStatus Of(EndpointSnapshot snapshot) => new()
    {
        Id = IdOf(snapshot.Key),
        Name = RedactedUrl.OfText(snapshot.Key),
        State = snapshot.State,
        ConsecutiveFailures = snapshot.ConsecutiveFailures,
        InFlight = snapshot.InFlight,
        LastStatusCode = snapshot.LastStatusCode == 0 ? null : snapshot.LastStatusCode,
        LastError = Words(snapshot.LastStatusCode, snapshot.LastError),
        NextProbeIn = snapshot.NextProbeIn,
    };

    /// <summary>Returns the id of an endpoint's key.</summary>
    internal static string IdOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, IdBytes));

    private static string? Words(int status, WebhookSendError error) => (status, error) switch
    {
        (not 0, _) => $"answered {status}",
        (_, WebhookSendError.Timeout) => "no answer in time",
        (_, WebhookSendError.ConnectionFailed) => "connection failed",
        (_, WebhookSendError.NoUsableAddress) => "host name has no usable address",
        (_, WebhookSendError.DestinationRefused) => "url refused by the destination guard",
        (_, WebhookSendError.SigningFailed) => "signing failed here",
        (_, WebhookSendError.SignerUnavailable) => "key service not available",
        (_, WebhookSendError.LocalNetwork) => "network of this machine failed",
        _ => null,
    };
}
