using System.Globalization;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Cli;

/// <summary>Checks that the private key, the published set and brand.json fit each other.</summary>
internal sealed class KeyCheck : IDisposable
{
    private readonly DestinationProbe _probe;
    private readonly SigningKey? _key;
    private readonly List<Finding> _findings = [];

    /// <param name="probe">Reads urls.</param>
    /// <param name="path">The file of the private key; <c>null</c> for none.</param>
    internal KeyCheck(DestinationProbe probe, string? path)
    {
        _probe = probe;
        if (path is null)
        {
            return;
        }

        string text = InputFile.Secret(path, "--key");
        try
        {
            _key = SigningKey.FromJwk(text);
            _findings.Add(Finding.Ok("key", $"'{_key.KeyId}' is a private key for {NameOf(_key.Algorithm)}"));
        }
        catch (ArgumentException fault)
        {
            // The library's messages name the rule and never the value.
            _findings.Add(Finding.Failed("key", fault.Message, "Make a key: adcp-webhooks keygen."));
        }
    }

    public void Dispose() => _key?.Dispose();

    internal async Task<IReadOnlyList<Finding>> RunAsync(string? jwks, string? brand, string? agent, CancellationToken cancellationToken)
    {
        if (brand is not null && await FindAsync(brand, agent!, jwks, cancellationToken).ConfigureAwait(false) is { } named)
        {
            jwks ??= named;
        }

        if (jwks is not null
            && await ReadAsync("jwks", jwks, RemoteKeySource.MaxJwksBytes, cancellationToken).ConfigureAwait(false) is { } set)
        {
            await JudgeAsync(set).ConfigureAwait(false);
        }

        return _findings;
    }

    private static string NameOf(SignatureAlgorithm algorithm) => algorithm == SignatureAlgorithm.Ed25519 ? "ed25519" : "es256";

    private static string? Member(JsonElement key, string name) =>
        key.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.String ? member.GetString() : null;

    /// <returns>The url of the agent's keys; <c>null</c> if there is none.</returns>
    private async Task<string?> FindAsync(string brand, string agent, string? jwks, CancellationToken cancellationToken)
    {
        if (!TargetUri.TryParse(agent, out TargetUri? target, out string? reason))
        {
            throw new CommandException(ExitCode.Usage, $"--agent-url: {reason}.");
        }

        int maxBytes = new RemoteKeySourceOptions().MaxBrandJsonBytes;
        if (await ReadAsync("brand", brand, maxBytes, cancellationToken).ConfigureAwait(false) is not { } json)
        {
            return null;
        }

        BrandJson document = BrandJson.Read(json, target);
        if (document.Location is { } location)
        {
            _findings.Add(Finding.Warning(
                "brand", $"it points to another document: {location.Value}", "Check that one: --brand with its url."));
            return null;
        }

        if (document.JwksUri is not { } place)
        {
            _findings.Add(Finding.Failed(
                "brand", $"it names no keys of {target.Value}, or names them twice, or is no JSON",
                "Add an entry with 'url' and 'jwks_uri' to 'agents', once."));
            return null;
        }

        bool isOther = jwks is not null && TargetUri.TryParse(jwks, out TargetUri? given, out _) && given.Value != place.Value;
        _findings.Add(isOther
            ? Finding.Failed(
                "brand", $"it names other keys: {place.Value}", "Set 'jwks_uri' to the url of --jwks, or publish the keys there.")
            : Finding.Ok("brand", $"the agent's keys are at {place.Value}"));
        return place.Value;
    }

    /// <summary>Reads a document from a file or, through the guard, from a url.</summary>
    private async Task<ReadOnlyMemory<byte>?> ReadAsync(string check, string place, int maxBytes, CancellationToken cancellationToken)
    {
        if (!place.StartsWith("https://", StringComparison.OrdinalIgnoreCase)
            && !place.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            byte[] bytes = InputFile.Bytes(place, "--" + check);
            if (bytes.Length <= maxBytes)
            {
                return bytes;
            }

            _findings.Add(Finding.Failed(
                check, string.Create(CultureInfo.InvariantCulture, $"'{place}' has {bytes.Length} bytes"),
                string.Create(CultureInfo.InvariantCulture, $"Receivers read {maxBytes} at most.")));
            return null;
        }

        DestinationReport report = await _probe.RunAsync(place, maxBytes, cancellationToken).ConfigureAwait(false);
        if (report.IsReachable && report.StatusCode == 200)
        {
            return report.Body;
        }

        string fault = report.Fault
            ?? string.Create(CultureInfo.InvariantCulture, $"GET was answered {report.StatusCode}");
        _findings.Add(Finding.Failed(
            check, $"{place}: {fault}",
            "Receivers need an answer 200 from a public https url, without redirects. For details: adcp-webhooks doctor --url URL."));
        return null;
    }

    private async Task JudgeAsync(ReadOnlyMemory<byte> json)
    {
        VerificationKeySet set;
        try
        {
            set = VerificationKeySet.FromJwks(Encoding.UTF8.GetString(json.Span));
        }
        catch (ArgumentException)
        {
            _findings.Add(Finding.Failed(
                "jwks", "it is no JWK set", "Publish a JSON object with an array 'keys', as adcp-webhooks keygen --jwks writes it."));
            return;
        }

        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement[] keys = [.. document.RootElement.GetProperty("keys"u8).EnumerateArray()
            .Where(static key => key.ValueKind == JsonValueKind.Object)];
        foreach (JsonElement key in keys.Where(static key => key.TryGetProperty("d"u8, out _)))
        {
            _findings.Add(Finding.Failed(
                "jwks", $"the private half of key '{Member(key, "kid")}' is published",
                "Take it down, treat the key as stolen, and make a new one: adcp-webhooks keygen."));
        }

        int usable = 0;
        foreach (string id in keys.Select(static key => Member(key, "kid")).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            VerificationKey? key = (await set.FindAsync(id.AsMemory(), CancellationToken.None).ConfigureAwait(false)).Key;
            usable += key is { MayVerifyWebhooks: true } ? 1 : 0;
        }

        _findings.Add(
            usable == 0 ? Finding.Failed("jwks", "no key in it may verify webhooks", "Publish one: adcp-webhooks keygen --jwks.")
            : Finding.Ok("jwks", string.Create(CultureInfo.InvariantCulture, $"{usable} of {keys.Length} keys may verify webhooks")));
        if (_key is not null)
        {
            VerificationKey? published = (await set.FindAsync(_key.KeyId.AsMemory(), CancellationToken.None).ConfigureAwait(false)).Key;
            _findings.Add(Compare(_key, published, [.. keys.Where(key => Member(key, "kid") == _key.KeyId)]));
        }
    }

    /// <summary>Compares a private key with the keys that are published under its id.</summary>
    private static Finding Compare(SigningKey key, VerificationKey? published, JsonElement[] entries)
    {
        const string Check = "key in jwks";
        if (published is null || entries.Length == 0)
        {
            return Finding.Failed(
                Check, $"the set has no key '{key.KeyId}'", "Publish its public half, and wait until caches have read it.");
        }

        if (entries.Length > 1)
        {
            return Finding.Failed(Check, $"the set has {entries.Length} keys '{key.KeyId}'", "Give each key an id of its own.");
        }

        JsonElement entry = entries[0];
        using JsonDocument own = JsonDocument.Parse(key.ExportPublicJwk());
        foreach (string member in new[] { "kty", "crv", "x", "y" })
        {
            if (Member(own.RootElement, member) != Member(entry, member))
            {
                return Finding.Failed(
                    Check, $"the set has another key under the id '{key.KeyId}': '{member}' differs",
                    "Publish the public half of this key under an id of its own.");
            }
        }

        string purpose = Member(entry, "adcp_use") ?? "none";
        if (!published.MayVerifyWebhooks)
        {
            return Finding.Failed(
                Check, $"the published key '{key.KeyId}' does not say that it verifies webhooks (adcp_use: {purpose})",
                "It needs use 'sig', key_ops with 'verify', a fitting alg, and adcp_use 'request-signing' or 'webhook-signing'.");
        }

        return Finding.Ok(Check, $"'{key.KeyId}' is published for {NameOf(published.Algorithm)} with adcp_use {purpose}");
    }
}
