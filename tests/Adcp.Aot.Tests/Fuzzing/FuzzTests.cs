using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Resilience;
using Adcp.Aot.Verification;
using CsCheck;

namespace Adcp.Aot.Tests.Fuzzing;

/// <summary>
/// Runs every parser of untrusted input on mutations of valid inputs: no exception but the declared ones, no more
/// memory than a small multiple of the input, and no input that takes long each time it is read. A few seconds by
/// default; <c>ADCP_FUZZ_ITERATIONS</c> sets the number of iterations, for example 10000000.
/// </summary>
public sealed class FuzzTests
{
    private const int DefaultIterations = 20_000;
    private const long FixedAllocation = 64 << 10;
    private const long AllocationPerByte = 512;
    private const int SlowReadings = 5;

    /// <summary>
    /// Far more than the largest input here takes, so that only work that grows faster than the input's length comes
    /// near it.
    /// </summary>
    private static readonly TimeSpan LongestReading = TimeSpan.FromMilliseconds(100);

    private static readonly long Iterations =
        long.TryParse(Environment.GetEnvironmentVariable("ADCP_FUZZ_ITERATIONS"), CultureInfo.InvariantCulture, out long iterations)
        ? iterations
        : DefaultIterations;

    [Fact]
    public void Signature_headers() => Run(
        [
            "sig1=(\"@method\" \"@target-uri\" \"@authority\" \"content-type\" "
            + "\"content-digest\");created=1776520800;expires=1776521100;"
            + "nonce=\"KXYnfEfJ0PBRZXQyVXfVQA\";keyid=\"k\";alg=\"ed25519\";tag=\"adcp/webhook-signing/v1\"",
            "relay=(\"@method\";req \"x\";sf;key=\"a\");created=1;x=?1;y=:AA==:;z=1.5, sig1=()",
            "sig1=:ZVRllejdoOlcnH1VkRrzv901IucAouTrwja2a0fv5F08f2Q2ahbpSxRrmnTLtXVEMgRfBZ_n1X8SGurLifJ_BQ:",
            "sha-256=:dJ2koiIMZIhdGE7tidErCHV13FFvOIowCcXDiwyG54I=:, sha-512=:AA==:",
        ],
        ["sig1=", "(", ")", ";", "=", "\"", "\\\"", ":", ",", " ", "\t", "?1", "-1", "999999999999999", "1.000", "%", "\u00e9", "\0"],
        static bytes =>
        {
            string text = Encoding.Latin1.GetString(bytes);
            int half = text.Length / 2;
            ParsedSignature.Read(text, text, out _);
            ParsedSignature.Read(text.AsSpan(0, half), text.AsSpan(half), out _);
            ParsedSignature.TryReadContentDigest(text, stackalloc byte[32]);
        });

    [Fact]
    public void Urls() => Run(
        [
            "https://buyer.example/a/./b/../c//d?x=%20&y#f", "HTTP://User:pw@[2001:DB8::1]:8080/%7e%2F",
            "https://b\u00fccher.example./p?", "https://xn--bcher-kva.example:443",
            "https://[fe80::1%25eth0]/", "https://a..b/", "https://1.2.3.4/%zz",
        ],
        ["https://", "http://", "//", "/../", "/./", "%2e", "%", "@", ":", "[", "]", "::", ".", "xn--", "?", "#", "\\", "\u3002",
            "\u00ad", "\u200d", "\ud800", " "],
        static bytes =>
        {
            if (!TargetUri.TryParse(Encoding.UTF8.GetString(bytes), out TargetUri? target, out string? reason))
            {
                Assert.NotEmpty(reason);
                return;
            }

            Assert.True(TargetUri.TryParse(target.Value, out TargetUri? again, out string? fault), fault);
            Assert.Equal((target.Value, target.Authority, false), (again.Value, again.Authority, again.HadUserInfo));
        });

    [Fact]
    public void Duplicate_key_check() => Run(JsonSeeds, JsonTokens, static bytes =>
    {
        bool sound = JsonBodyCheck.Check(bytes) is null;
        Assert.Equal(IsSoundJson(bytes), sound);
    });

    [Fact]
    public void Canonical_json() => Run(JsonSeeds, JsonTokens, static bytes =>
    {
        Span<byte> fingerprint = stackalloc byte[CanonicalJson.FingerprintLength];
        if (!CanonicalJson.TryFingerprint(bytes, fingerprint, out string? code))
        {
            Assert.Contains(code, (string[])["invalid_json", "duplicate_key_input"]);
            return;
        }

        Assert.True(IsSoundJson(bytes));
        ArrayBufferWriter<byte> once = new();
        CanonicalJson.Write(bytes, once);
        ArrayBufferWriter<byte> twice = new();
        CanonicalJson.Write(once.WrittenSpan, twice);
        Assert.True(once.WrittenSpan.SequenceEqual(twice.WrittenSpan));
    });

    [Fact]
    public void Envelopes() => Run(JsonSeeds, JsonTokens, static bytes =>
    {
        if (WebhookEnvelope.TryRead(bytes, AdcpVersion.V32, out WebhookEnvelope? envelope, out string? code))
        {
            Assert.NotEmpty(envelope.TaskId);
        }
        else
        {
            Assert.NotEmpty(code);
        }
    });

    [Fact]
    public void Challenges() => Run(
        [
            """{"type":"webhook.challenge","challenge":"example-challenge-token-000000000000","account_id":"acct_1","subscriber_id":"s","""
            + """ "seller_agent_url":"https://seller.example/adcp","delivery_auth":{"mode":"rfc9421"},"event_types":["creative.purged"]}""",
            """{"scope":"agent","event_types":["capabilities.changed"],"delivery_auth":"""
            + """{"credential_fingerprint":"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789","mode":"Bearer"},"""
            + """ "seller_agent_url":"https://s.example","subscriber_id":"s","""
            + """ "challenge":"example-challenge-token-000000000000","type":"webhook.challenge"}""",
        ],
        [.. JsonTokens, "\"type\":\"webhook.challenge\",", "\"scope\":\"agent\"", "rfc9421", "HMAC-SHA256", "https://"],
        static bytes =>
        {
            if (WebhookChallengeEnvelope.TryRead(bytes, out WebhookChallengeEnvelope? challenge, out string? code))
            {
                Assert.NotEmpty(challenge.EventTypes);
                Assert.True(IsSoundJson(challenge.ToAnswer()));
            }
            else
            {
                Assert.Contains(code, (string[])["not_a_challenge", "invalid_challenge"]);
            }
        });

    [Fact]
    public void Retry_after() => Run(
        ["120", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "99999999999999999999"],
        ["GMT", ",", " ", ":", "-", "0", "9999", "Feb 30", "\u0660", "+", "."],
        static bytes =>
        {
            if (RetryAfter.TryParse(Encoding.UTF8.GetString(bytes), DateTimeOffset.UnixEpoch, out TimeSpan delay))
            {
                Assert.True(delay >= TimeSpan.Zero);
            }
        });

    [Fact]
    public void Jwks() => Run(
        [
            """{"keys":[{"kid":"k1","kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"y7tTfeqazsFeTn3ccCzQlcJ4qFWuYsu-JkJAcfc9VoA","""
            + """ "use":"sig","key_ops":["verify"],"adcp_use":"webhook-signing"}]}""",
            """{"kid":"k1","kty":"OKP","crv":"Ed25519","x":"y7tTfeqazsFeTn3ccCzQlcJ4qFWuYsu-JkJAcfc9VoA","""
            + """ "d":"V0Z2ktvVfcWISjh4xmUlt-bSOJML9QBlzWzDkMFvgJw","key_ops":["sign"]}""",
            """{"keys":[{"kid":"e","kty":"EC","crv":"P-256","alg":"ES256","x":"0X7G_jryFpiX9XO3CKxIqUQs3DC8OhUkw6Rb5QOZd5M","""
            + """ "y":"MwZN7qQJzLpTD5dyDJAoqOLZJ9r8-GCh4BnOYu6NE0c","use":"sig","key_ops":["verify"],"adcp_use":"request-signing"}]}""",
            """{"kid":"e","kty":"EC","crv":"P-256","x":"0X7G_jryFpiX9XO3CKxIqUQs3DC8OhUkw6Rb5QOZd5M","""
            + """ "y":"MwZN7qQJzLpTD5dyDJAoqOLZJ9r8-GCh4BnOYu6NE0c","d":"xgSwq4Iq3RS8MFP2oXsDP--8uZLoq6Idip2PNM6pCZ4"}""",
        ],
        ["\"kid\":", "\"d\":", "\"x\":\"\"", "null", "[]", "{}", "\"kty\":\"EC\"", "\"P-256\"", "\"OKP\"", "=", "AAAA", "\\ud800",
            "1e999", ","],
        static bytes =>
        {
            string text = Encoding.UTF8.GetString(bytes);
            try
            {
                SigningKey.FromJwk(text).Dispose();
            }
            catch (ArgumentException)
            {
                // Declared.
            }

            try
            {
                Assert.True(VerificationKeySet.FromJwks(text).Count >= 0);
            }
            catch (ArgumentException)
            {
                // Declared.
            }
        });

    private static readonly string[] JsonSeeds =
    [
        """{"idempotency_key":"whk_0123456789abcdef","operation_id":"op_1","task_id":"task_1","task_type":"create_media_buy","""
        + """ "status":"completed","timestamp":"2026-05-26T09:00:44.582Z","result":{"a":[1,2.5e-3,true,null],"b":{"c":"\u00e9\n"}}}""",
        """[{"a":1,"\u0061":2},{"":{"":{}}},[[[[[[[[[[]]]]]]]]]],-0,1e21,5e-324,1.7976931348623157e308,"\ud83d\ude00"]""",
        "\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        """ { "z" : 1 , "a" : [ ] , "\ufb33" : "\u20ac" , "\ud83d\ude00" : false } """,
    ];

    private static readonly string[] JsonTokens =
        ["{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "null", "1e400", "-", "0.", "\"a\":1,", "//", "\u00e9",
            "\ufeff", " ", "[[[[[[[[[[[[[[[["];

    /// <summary>
    /// Returns the verdict of .NET's own reader, which refuses duplicate names and lone surrogates too.
    /// </summary>
    internal static bool IsSoundJson(byte[] bytes)
    {
        try
        {
            using JsonDocument document =
                JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 64 });
            return ReadsAll(document.RootElement);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return false;
        }

        static bool ReadsAll(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().All(member => member.Name is not null && ReadsAll(member.Value)),
            JsonValueKind.Array => element.EnumerateArray().All(ReadsAll),
            JsonValueKind.String => element.GetString() is not null,
            _ => true,
        };
    }

    private static void Run(string[] seeds, string[] tokens, Action<byte[]> read)
    {
        byte[][] starts = [.. seeds.Select(Encoding.UTF8.GetBytes)];
        byte[][] words = [.. tokens.Select(Encoding.UTF8.GetBytes)];
        Gen<byte[]> inputs = Gen.Select(
            Gen.Int[0, starts.Length - 1],
            Gen.Select(Gen.Int[0, 6], Gen.Int[0, 4096], Gen.Int[0, 255]).Array[0, 6],
            (seed, mutations) => mutations.Aggregate(starts[seed], (bytes, m) => Mutate(bytes, m.Item1, m.Item2, m.Item3, words, starts)));

        // Memory that is allocated once does not belong to the input.
        read(starts[0]);
        inputs.Sample(
            bytes =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                TimeSpan time = Timed(read, bytes);
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.True(allocated <= FixedAllocation + (AllocationPerByte * bytes.Length), $"{allocated} bytes for {bytes.Length}");

                // The machine may have been busy once. An input is at fault if it is slow each time.
                for (int again = 0; time > LongestReading && again < SlowReadings; again++)
                {
                    time = Timed(read, bytes);
                }

                Assert.True(time <= LongestReading, $"{time} for {bytes.Length}");
            },
            iter: Iterations,
            print: static bytes => Convert.ToHexString(bytes));
    }

    private static TimeSpan Timed(Action<byte[]> read, byte[] bytes)
    {
        long start = Stopwatch.GetTimestamp();
        read(bytes);
        return Stopwatch.GetElapsedTime(start);
    }

    private static byte[] Mutate(byte[] bytes, int kind, int position, int value, byte[][] words, byte[][] seeds)
    {
        int at = bytes.Length == 0 ? 0 : position % bytes.Length;
        int length = Math.Min(value, bytes.Length - at);
        return kind switch
        {
            0 when bytes.Length > 0 => Changed(bytes, at, (byte)(bytes[at] ^ (1 << (value & 7)))),
            1 when bytes.Length > 0 => Changed(bytes, at, (byte)value),
            2 => [.. bytes.AsSpan(0, at), .. words[value % words.Length], .. bytes.AsSpan(at)],
            3 => [.. bytes.AsSpan(0, at), .. bytes.AsSpan(at + length)],
            4 when bytes.Length < 16_384 => [.. bytes, .. bytes.AsSpan(at, length)],
            5 => [.. bytes.AsSpan(0, at), .. seeds[value % seeds.Length].AsSpan(Math.Min(at, seeds[value % seeds.Length].Length))],
            6 when bytes.Length < 16_384 =>
            [.. bytes.AsSpan(0, at), .. Enumerable.Repeat(words[value % words.Length], value).SelectMany(static w => w),
                .. bytes.AsSpan(at)],
            _ => bytes,
        };
    }

    private static byte[] Changed(byte[] bytes, int at, byte value)
    {
        byte[] copy = [.. bytes];
        copy[at] = value;
        return copy;
    }
}
