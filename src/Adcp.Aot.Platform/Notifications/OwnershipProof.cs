using Adcp.Aot.Payloads.Notifications;

namespace Adcp.Aot.Platform;

/// <summary>
/// Proves that a candidate subscriber controls its url: sends one signed challenge, and repeats it once if the
/// connection failed.
/// </summary>
public static class OwnershipProof
{
    /// <summary>Challenges an endpoint.</summary>
    /// <param name="sender">A sender that signs by RFC 9421.</param>
    /// <param name="destination">The candidate's url, without authentication: challenges are always signed.</param>
    /// <param name="challenge">A new challenge.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The proof that the answer gives. If there is no answer,
    /// <see cref="ChallengeAnswer.NotAccepted"/>.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException">The destination carries authentication.</exception>
    public static async ValueTask<ChallengeAnswer> ProveAsync(
        IWebhookSender sender, WebhookDestination destination, WebhookChallenge challenge, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(challenge);
        if (destination.Authentication is not null)
        {
            throw new ArgumentException("A challenge is always signed by RFC 9421; use a destination "
                + "without authentication.", nameof(destination));
        }

        PreparedWebhook prepared = sender.Prepare(destination, challenge);
        WebhookSendResult result = await sender.SendAsync(prepared, cancellationToken).ConfigureAwait(false);
        if (result.Error is WebhookSendError.ConnectionFailed or WebhookSendError.Timeout or WebhookSendError.NoUsableAddress
            or WebhookSendError.LocalNetwork)
        {
            result = await sender.SendAsync(prepared, cancellationToken).ConfigureAwait(false);
        }

        return challenge.Check(result.StatusCode, result.ResponseBody.Span);
    }
}
