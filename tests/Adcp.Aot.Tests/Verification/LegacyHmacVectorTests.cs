using System.Globalization;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

[Needs(Resource.AdcpData)]
public sealed class LegacyHmacVectorTests
{
    private const string File = "vectors/webhook-hmac-sha256/webhook-hmac-sha256.json";

    [Fact]
    public async Task Every_official_vector_gets_the_verdict_it_asks_for()
    {
        using JsonDocument file = SharedFiles.Read(File);
        string secret = file.RootElement.GetProperty("secret").GetString()!;
        int verified = 0;
        foreach (JsonElement vector in file.RootElement.GetProperty("vectors").EnumerateArray())
        {
            long timestamp = vector.GetProperty("timestamp").GetInt64();
            VerificationResult result = await VerifyAsync(
                secret, vector.GetProperty("expected_signature").GetString(), timestamp.ToString(CultureInfo.InvariantCulture),
                vector.GetProperty("raw_body").GetString()!, timestamp);
            string? code = vector.TryGetProperty("rfc9421_error_code", out JsonElement expected) ? expected.GetString() : null;
            Assert.True(code == result.ErrorCode, $"{vector.GetProperty("id")}: {result} {result.Detail}");
            verified++;
        }

        Assert.True(verified >= 8);
    }

    [Fact]
    public async Task Every_official_rejection_is_rejected()
    {
        using JsonDocument file = SharedFiles.Read(File);
        string secret = file.RootElement.GetProperty("secret").GetString()!;
        int rejected = 0;
        foreach (JsonElement vector in file.RootElement.GetProperty("rejection_vectors").EnumerateArray())
        {
            JsonElement timestamp = vector.GetProperty("timestamp");
            string text = timestamp.ValueKind == JsonValueKind.String ? timestamp.GetString()! : timestamp.GetRawText();
            long now = vector.TryGetProperty("current_time", out JsonElement current) ? current.GetInt64()
                : timestamp.ValueKind == JsonValueKind.Number ? timestamp.GetInt64() : 1700000000;
            VerificationResult result = await VerifyAsync(secret, vector.GetProperty("signature").GetString(), text,
                vector.GetProperty("raw_body").GetString()!, now);
            Assert.False(result.Ok, vector.GetProperty("id").GetString());
            Assert.Equal(401, result.StatusCode);
            rejected++;
        }

        Assert.True(rejected >= 5);
    }

    [Fact]
    public void Every_official_secret_rejection_is_rejected()
    {
        using JsonDocument file = SharedFiles.Read(File);
        foreach (JsonElement vector in file.RootElement.GetProperty("secret_rejection_vectors").EnumerateArray())
        {
            Assert.Throws<ArgumentException>(() => new LegacyHmacVerifier([vector.GetProperty("secret").GetString()!]));
        }
    }

    private static ValueTask<VerificationResult> VerifyAsync(string secret, string? signature, string timestamp, string body, long now)
    {
        LegacyHmacVerifier verifier = new([secret], "seller", timeProvider: new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(now)));
        InboundRequest request = new("POST", "https://buyer.example/", new Dictionary<string, string>
        {
            ["Content-Type"] = "application/json",
            ["X-ADCP-Signature"] = signature!,
            ["X-ADCP-Timestamp"] = timestamp,
        });
        return verifier.VerifyAsync(request, Encoding.UTF8.GetBytes(body));
    }
}
