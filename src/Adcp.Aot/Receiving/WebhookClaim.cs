using System.Security.Cryptography;

namespace Adcp.Aot.Receiving;

/// <summary>The right to process one webhook, until its lease ends or it is settled.</summary>
/// <param name="Sender">The authenticated sender.</param>
/// <param name="IdempotencyKey">The webhook's key.</param>
/// <param name="Owner">The fence: a random number that every later call must match. 0 if the claim is not owned.</param>
/// <param name="Status">The store's answer. The other members have a meaning only if it is <see cref="ClaimStatus.Owned"/>.</param>
public readonly record struct WebhookClaim(string Sender, string IdempotencyKey, long Owner, ClaimStatus Status)
{
    /// <summary>Draws a fence for a new claim: a random number from 1 up that no other claim has.</summary>
    public static long NewOwner()
    {
        Span<byte> random = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(random);
        return Math.Max(BitConverter.ToInt64(random) & long.MaxValue, 1);
    }
}
