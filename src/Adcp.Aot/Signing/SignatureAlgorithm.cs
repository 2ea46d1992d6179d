namespace Adcp.Aot;

/// <summary>The signature algorithms that AdCP allows.</summary>
public enum SignatureAlgorithm
{
    /// <summary>RFC 9421 <c>ed25519</c>, JWK <c>EdDSA</c>.</summary>
    Ed25519 = 0,

    /// <summary>RFC 9421 <c>ecdsa-p256-sha256</c>, JWK <c>ES256</c>; 64-byte r and s (IEEE P1363).</summary>
    EcdsaP256Sha256 = 1,
}
