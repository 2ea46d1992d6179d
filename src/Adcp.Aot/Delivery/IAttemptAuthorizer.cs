namespace Adcp.Aot.Delivery;

/// <summary>
/// Decides before each attempt of an outbox if the webhook may still be sent: a subscription may have ended, or an account may have
/// been closed, while the webhook waited. Implementations are safe for concurrent use.
/// </summary>
/// <remarks>
/// An authorizer fails closed. If it throws, outlives its timeout, or leaves an attempt undecided, that attempt is made later and does
/// not count.
/// </remarks>
public interface IAttemptAuthorizer
{
    /// <summary>Decides about attempts that are about to be made.</summary>
    /// <param name="attempts">The attempts, one at least.</param>
    /// <param name="decisions">Gets the decision about each attempt, at its index. An entry that is not set means "later".</param>
    /// <param name="cancellationToken">Ends the call when its timeout has passed.</param>
    ValueTask AuthorizeAsync(
        IReadOnlyList<PlannedAttempt> attempts, Memory<AttemptDecision> decisions, CancellationToken cancellationToken);
}
