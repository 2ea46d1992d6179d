namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The members of both kinds of challenge, before they are checked.</summary>
internal sealed record ChallengeMembers(
    string? Challenge, string? Scope, string? AccountId, string? SubscriberId, string? SellerAgentUrl,
    ChallengeMembers.Authentication? DeliveryAuth, string[]? EventTypes)
{
    /// <summary>The members of <c>delivery_auth</c>.</summary>
    internal sealed record Authentication(string? Mode, string? CredentialFingerprint);
}
