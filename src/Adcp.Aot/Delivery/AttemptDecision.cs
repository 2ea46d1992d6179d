using System.Buffers;

namespace Adcp.Aot.Delivery;

/// <summary>The decision of an <see cref="IAttemptAuthorizer"/> about one attempt. The default is "later".</summary>
public readonly record struct AttemptDecision
{
    private const int MaxReasonLength = 64;

    private static readonly SearchValues<char> ReasonCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_");

    private AttemptDecision(AttemptDecisionKind kind, string? reason = null, TimeSpan? delay = null,
        WebhookAuthentication? authentication = null)
    {
        Kind = kind;
        Reason = reason;
        Delay = delay;
        Authentication = authentication;
    }

    /// <summary>Gets the kind of the decision.</summary>
    public AttemptDecisionKind Kind { get; }

    /// <summary>Gets why the attempt is not made; <see langword="null"/> if it is, or if no reason was given.</summary>
    public string? Reason { get; }

    /// <summary>Gets after which time the authorizer is asked again; <see langword="null"/> for the worker's own delay.</summary>
    public TimeSpan? Delay { get; }

    /// <summary>Gets the credentials of this attempt, which replace those of the destination; <see langword="null"/> for none.</summary>
    public WebhookAuthentication? Authentication { get; }

    /// <summary>Returns the decision to make the attempt.</summary>
    /// <param name="authentication">
    /// Credentials for this attempt, so that none need to be kept in the outbox. <see langword="null"/> for those of the destination.
    /// </param>
    public static AttemptDecision Allow(WebhookAuthentication? authentication = null) =>
        new(AttemptDecisionKind.Allow, authentication: authentication);

    /// <summary>Returns the decision to end the delivery. The webhook becomes a dead letter with the reason <c>suppressed</c>.</summary>
    /// <param name="reason">A stable identifier for the audit record: 1 to 64 of <c>a-z 0-9 _</c>.</param>
    /// <exception cref="ArgumentException">The reason breaks its rule.</exception>
    public static AttemptDecision Suppress(string reason) => new(AttemptDecisionKind.Suppress, Check(reason));

    /// <summary>Returns the decision to ask again later. It counts as no attempt.</summary>
    /// <param name="delay">The delay, 1 ms to 1 hour. <see langword="null"/> for the worker's own delay of 30 s.</param>
    /// <param name="reason">A stable identifier for the audit record: 1 to 64 of <c>a-z 0-9 _</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The delay is outside 1 ms to 1 hour.</exception>
    /// <exception cref="ArgumentException">The reason breaks its rule.</exception>
    public static AttemptDecision Later(TimeSpan? delay = null, string reason = "undecided")
    {
        if (delay is { } given)
        {
            Require.InRange(given, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), nameof(delay));
        }

        return new AttemptDecision(AttemptDecisionKind.Later, Check(reason), delay);
    }

    /// <summary>Returns kind and reason. Credentials are not shown.</summary>
    public override string ToString() => Reason is null ? Kind.ToString() : $"{Kind}: {Reason}";

    private static string Check(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        return reason.Length is >= 1 and <= MaxReasonLength && !reason.AsSpan().ContainsAnyExcept(ReasonCharacters)
            ? reason
            : throw new ArgumentException($"A reason has 1 to {MaxReasonLength} characters of a-z 0-9 _.", nameof(reason));
    }
}
