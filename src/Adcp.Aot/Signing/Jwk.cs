using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Adcp.Aot.Signing;

/// <summary>The members of a JWK that AdCP uses (RFC 7517, RFC 8037). Errors never show key material.</summary>
internal sealed class Jwk
{
    private string? _use;
    private string? _adcpUse;
    private List<string>? _operations;

    internal string? KeyId { get; private set; }

    internal SignatureAlgorithm Algorithm { get; private set; }

    internal byte[]? X { get; private set; }

    internal byte[]? Y { get; private set; }

    internal byte[]? Private { get; private set; }

    /// <summary>
    /// Gets whether the JWK states that it verifies webhooks (AdCP's checklist, step 8). A member that is missing is
    /// not assumed.
    /// </summary>
    internal bool IsForVerifyingWebhooks =>
        _use == "sig" && _adcpUse is "request-signing" or "webhook-signing" && _operations is not null && _operations.Contains("verify");

    internal static string? ReadKeyId(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("kid", out JsonElement kid)
        && kid.ValueKind == JsonValueKind.String
            ? Decode(kid, "kid", nameof(element))
            : null;

    internal static Jwk Parse(string json, string paramName)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Read(document.RootElement, paramName);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The second type is thrown for a lone surrogate in a name.
            throw new ArgumentException("Not a JSON object without duplicate members.", paramName);
        }
    }

    internal void CheckUse(string paramName, string operation)
    {
        Require(_use is null or "sig", "The JWK's 'use' is not 'sig'.", paramName);
        Require(_adcpUse is null or "request-signing" or "webhook-signing",
            "The JWK's 'adcp_use' is neither 'request-signing' nor 'webhook-signing'.", paramName);

        // A private key is often kept in the form in which its public half is published.
        Require(
            _operations is null || _operations.Contains(operation) || _operations.Contains("verify"),
            $"The JWK's 'key_ops' does not contain '{operation}'.", paramName);
    }

    internal static Jwk Read(JsonElement root, string paramName)
    {
        Require(root.ValueKind == JsonValueKind.Object, "A JWK is a JSON object.", paramName);
        string? kty = Text(root, "kty", paramName);
        string? crv = Text(root, "crv", paramName);
        string? alg = Text(root, "alg", paramName);
        SignatureAlgorithm algorithm = (kty, crv) switch
        {
            ("OKP", "Ed25519") => SignatureAlgorithm.Ed25519,
            ("EC", "P-256") => SignatureAlgorithm.EcdsaP256Sha256,
            _ => throw new ArgumentException("The JWK is neither OKP/Ed25519 nor EC/P-256.", paramName),
        };
        Require(alg is null || alg == (algorithm == SignatureAlgorithm.Ed25519 ? "EdDSA" : "ES256"),
            "The JWK's 'alg' does not fit its 'kty' and 'crv'.", paramName);
        Jwk jwk = new()
        {
            KeyId = Text(root, "kid", paramName),
            Algorithm = algorithm,
            X = Bytes(root, "x", paramName),
            Y = algorithm == SignatureAlgorithm.Ed25519 ? null : Bytes(root, "y", paramName),
            Private = Bytes(root, "d", paramName),
            _use = Text(root, "use", paramName),
            _adcpUse = Text(root, "adcp_use", paramName),
        };
        if (root.TryGetProperty("key_ops", out JsonElement operations))
        {
            Require(operations.ValueKind == JsonValueKind.Array, "The JWK's 'key_ops' is not an array.", paramName);
            jwk._operations = [];
            foreach (JsonElement operation in operations.EnumerateArray())
            {
                Require(operation.ValueKind == JsonValueKind.String, "The JWK's 'key_ops' holds something other than strings.", paramName);
                jwk._operations.Add(Decode(operation, "key_ops", paramName));
            }
        }

        return jwk;
    }

    private static string? Text(JsonElement root, string name, string paramName)
    {
        if (!root.TryGetProperty(name, out JsonElement member))
        {
            return null;
        }

        Require(member.ValueKind == JsonValueKind.String, $"The JWK's '{name}' is not a string.", paramName);
        return Decode(member, name, paramName);
    }

    private static string Decode(JsonElement text, string name, string paramName)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new ArgumentException($"The JWK's '{name}' holds a lone surrogate.", paramName);
        }
    }

    private static byte[]? Bytes(JsonElement root, string name, string paramName)
    {
        if (Text(root, name, paramName) is not { } text)
        {
            return null;
        }

        byte[] bytes = new byte[32];
        OperationStatus status = text.Length == 43 ? Base64Url.DecodeFromChars(text, bytes, out _, out _) : OperationStatus.InvalidData;
        Require(status == OperationStatus.Done
            && !text.AsSpan().ContainsAny(" \t\r\n="), $"The JWK's '{name}' is not unpadded base64url of 32 bytes.", paramName);
        return bytes;
    }

    private static void Require(bool met, string rule, string paramName)
    {
        if (!met)
        {
            throw new ArgumentException(rule, paramName);
        }
    }
}
