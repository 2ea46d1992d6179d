namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>The right to process one webhook, until its lease ends or it is settled.</summary>
/// <param name="Sender">The authenticated sender.</param>
/// <param name="IdempotencyKey">The webhook's key.</param>
/// <param name="Owner">The fence: a random number that every later call must match. 0 where the claim is not owned.</param>
/// <param name="Status">What the store said. The other members mean something only where it is <see cref="ClaimStatus.Owned"/>.</param>
public readonly record struct WebhookClaim(string Sender, string IdempotencyKey, long Owner, ClaimStatus Status);
