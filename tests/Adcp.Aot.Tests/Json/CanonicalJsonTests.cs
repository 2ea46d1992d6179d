using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Json;
using CsCheck;

namespace Adcp.Aot.Tests.Json;

public sealed class CanonicalJsonTests
{
    private static readonly Gen<double> Finite = Gen.Long.Select(BitConverter.Int64BitsToDouble).Where(double.IsFinite);

    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.Char['\0', '\u00FF'].Select(c => c.ToString()),
        Gen.Char['\u2000', '\uD7FF'].Select(c => c.ToString()),
        Gen.Char['\uE000', '\uFFFF'].Select(c => c.ToString()),
        Gen.Int[0x10000, 0x10FFFF].Select(char.ConvertFromUtf32)).Array[0, 6].Select(string.Concat);

    internal static readonly Gen<JsonNode?> Json = Gen.Recursive<JsonNode?>((depth, self) => depth > 3
        ? Leaf()
        : Gen.OneOf(
            Leaf(),
            self.Array[0, 4].Select(items => (JsonNode?)new JsonArray([.. items.Select(i => i?.DeepClone())])),
            Gen.Select(Text, self).Array[0, 5].Select(members => (JsonNode?)new JsonObject(
                members.DistinctBy(m => m.Item1).Select(m => KeyValuePair.Create(m.Item1, m.Item2?.DeepClone()))))));

    [Fact]
    [Needs(Resource.AdcpData)]
    public void The_official_vectors_have_their_canonical_form_and_hash()
    {
        int vectors = 0;
        foreach (string file in SharedFiles.List("vectors/jcs"))
        {
            using JsonDocument vector = SharedFiles.Read(file);
            JsonElement expected = vector.RootElement.GetProperty("expected");
            byte[] preimage = Encoding.UTF8.GetBytes(expected.GetProperty("preimage").GetRawText());
            Assert.Equal(expected.GetProperty("jcs_bytes").GetString(), Canonical(preimage));
            byte[] fingerprint = new byte[32];
            Assert.True(CanonicalJson.TryFingerprint(preimage, fingerprint, out _));
            Assert.Equal(expected.GetProperty("sha256_hex").GetString(), Convert.ToHexStringLower(fingerprint));
            vectors++;
        }

        Assert.True(vectors >= 6);
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0", "0")]
    [InlineData("-0.0e5", "0")]
    [InlineData("1E2", "100")]
    [InlineData("4.50", "4.5")]
    [InlineData("2e-3", "0.002")]
    [InlineData("0.000001", "0.000001")]
    [InlineData("0.0000001", "1e-7")]
    [InlineData("0.000000000000000000000000001", "1e-27")]
    [InlineData("333333333.33333329", "333333333.3333333")]
    [InlineData("1E30", "1e+30")]
    [InlineData("100000000000000000000", "100000000000000000000")]
    [InlineData("1e21", "1e+21")]
    [InlineData("999999999999999868928", "999999999999999900000")]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("123456789012345680000", "123456789012345680000")]
    [InlineData("1.7976931348623157e308", "1.7976931348623157e+308")]
    [InlineData("-5e-324", "-5e-324")]
    [InlineData("1e-400", "0")]
    public void Numbers_are_written_as_ECMAScript_does(string number, string canonical) => Assert.Equal(canonical, Canonical(number));

    // The bit patterns of RFC 8785, appendix B.
    [Theory]
    [InlineData(0x4340000000000001, "9007199254740994")]
    [InlineData(0x4340000000000002, "9007199254740996")]
    [InlineData(0x444B1AE4D6E2EF4E, "999999999999999700000")]
    [InlineData(0x444B1AE4D6E2EF4F, "999999999999999900000")]
    [InlineData(0x444B1AE4D6E2EF50, "1e+21")]
    [InlineData(0x3EB0C6F7A0B5ED8C, "9.999999999999997e-7")]
    [InlineData(0x3EB0C6F7A0B5ED8D, "0.000001")]
    [InlineData(0x41B3DE4355555553, "333333333.3333332")]
    [InlineData(0x41B3DE4355555557, "333333333.33333343")]
    [InlineData(0x4430000000000000, "295147905179352830000")]
    [InlineData(0x43143FF3C1CB0959, "1424953923781206.2")]
    [InlineData(0x7FEFFFFFFFFFFFFF, "1.7976931348623157e+308")]
    [InlineData(0x0000000000000001, "5e-324")]
    public void The_doubles_of_the_RFC_have_their_text(long bits, string text)
    {
        byte[] buffer = new byte[EcmaScriptNumber.MaxLength];
        Assert.Equal(text, Encoding.ASCII.GetString(buffer, 0, EcmaScriptNumber.Format(BitConverter.Int64BitsToDouble(bits), buffer)));
    }

    [Fact]
    public void Every_power_of_two_reads_back()
    {
        byte[] buffer = new byte[EcmaScriptNumber.MaxLength];
        for (int exponent = -1074; exponent <= 1023; exponent++)
        {
            double value = Math.ScaleB(1, exponent);
            string text = Encoding.ASCII.GetString(buffer, 0, EcmaScriptNumber.Format(value, buffer));
            Assert.Equal(value, double.Parse(text, CultureInfo.InvariantCulture));
        }

        // Numbers for which .NET's own round-trip form fails, as V8 writes them.
        Assert.Equal("2.9802322387695312e-8", Canonical("2.98023223876953125e-8"));
        Assert.Equal("-4.1045368012983762e-289", Canonical("-4.1045368012983762e-289"));
    }

    [Fact]
    public void Every_number_reads_back_to_the_same_double_and_no_shorter_digits_do() => Finite.Where(d => d != 0).Sample(value =>
    {
        byte[] buffer = new byte[EcmaScriptNumber.MaxLength];
        string text = Encoding.ASCII.GetString(buffer, 0, EcmaScriptNumber.Format(value, buffer));
        Assert.Equal(value, double.Parse(text, CultureInfo.InvariantCulture));

        // Exponents begin exactly outside 1e-6 to 1e21, with a sign and no leading zero.
        double magnitude = Math.Abs(value);
        Assert.Equal(magnitude is < 1e-6 or >= 1e21, text.Contains('e', StringComparison.Ordinal));
        string digits = new string([.. text.TakeWhile(c => c != 'e').Where(char.IsAsciiDigit)]).TrimStart('0').TrimEnd('0');
        if (digits.Length is > 1 and <= 17)
        {
            string shorter = value.ToString($"E{digits.Length - 2}", CultureInfo.InvariantCulture);
            Assert.NotEqual(value, double.Parse(shorter, CultureInfo.InvariantCulture));
        }
    });

    [Fact]
    public void Names_are_ordered_by_utf_16_code_units()
    {
        // The example of RFC 8785, section 3.2.3: the emoji's surrogates come before U+FB33.
        const string Text = """{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With """
            + """Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With """
            + """Diaeresis"}""";
        using JsonDocument canonical = JsonDocument.Parse(Canonical(Text));
        Assert.Equal(["\r", "1", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"], canonical.RootElement.EnumerateObject()
            .Select(m => m.Name));
    }

    [Fact]
    public void Names_sort_like_ordinal_strings() => Text.HashSet[0, 20].Sample(names =>
    {
        JsonObject source = [.. names.Select(n => KeyValuePair.Create(n, (JsonNode?)null))];
        using JsonDocument canonical = JsonDocument.Parse(Canonical(source.ToJsonString()));
        Assert.Equal(names.Order(StringComparer.Ordinal), canonical.RootElement.EnumerateObject().Select(m => m.Name));
    });

    [Fact]
    public void Strings_escape_only_what_must_be() => Assert.Equal(
        "\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\t\\f\\r\u007f\\u001f\"",
        Canonical("""
            "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\b\u0009\f\r\u007f\u001F"
            """));

    [Fact]
    public void The_canonical_form_is_its_own() => Json.Sample(node =>
    {
        string once = Canonical(Source(node));
        Assert.Equal(once, Canonical(once));
    });

    [Fact]
    public void The_canonical_form_says_what_the_text_said() => Json.Sample(node =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Source(node)), JsonNode.Parse(Canonical(Source(node))))));

    [Fact]
    public void Order_of_members_and_white_space_do_not_change_the_fingerprint() => Gen.Select(Json, Gen.Int).Sample((node, seed) =>
    {
        JsonNode? shuffled = Shuffled(node, new Random(seed));
        string indented = shuffled?.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) ?? "null";
        byte[] one = new byte[32];
        byte[] two = new byte[32];
        Assert.True(CanonicalJson.TryFingerprint(Encoding.UTF8.GetBytes(Source(node)), one, out _));
        Assert.True(CanonicalJson.TryFingerprint(Encoding.UTF8.GetBytes(indented), two, out _));
        Assert.Equal(one, two);
        Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(Canonical(indented))), one);
    });

    [Theory]
    [InlineData("""{"a":1,"b":{"c":1,"\u0063":2}}""", "duplicate_key_input")]
    [InlineData("""[[{"x":1,"y":2,"x":3}]]""", "duplicate_key_input")]
    [InlineData("\"\\ud800\"", "invalid_json")]
    [InlineData("{\"\\udc00x\":1}", "invalid_json")]
    [InlineData("1e400", "invalid_json")]
    [InlineData("[-1e999]", "invalid_json")]
    [InlineData("NaN", "invalid_json")]
    [InlineData("", "invalid_json")]
    [InlineData("{} {}", "invalid_json")]
    [InlineData("{\"a\":1,}", "invalid_json")]
    [InlineData("[1", "invalid_json")]
    [InlineData("// no\n1", "invalid_json")]
    public void What_has_no_canonical_form_is_refused_and_nothing_is_written(string text, string code)
    {
        ArrayBufferWriter<byte> output = new();
        Assert.Equal(code, Assert.Throws<WebhookPayloadException>(() => CanonicalJson.Write(Encoding.UTF8.GetBytes(text), output)).Code);
        Assert.Equal(0, output.WrittenCount);
        Assert.False(CanonicalJson.TryFingerprint(Encoding.UTF8.GetBytes(text), new byte[32], out string? again));
        Assert.Equal(code, again);
    }

    [Fact]
    public void Sixty_four_levels_pass_and_one_more_is_refused()
    {
        Assert.Equal(Nested(64), Canonical(Nested(64)));
        Assert.Equal("invalid_json", Assert.Throws<WebhookPayloadException>(() => Canonical(Nested(65))).Code);

        static string Nested(int levels) => new string('[', levels) + new string(']', levels);
    }

    [Fact]
    public void Bytes_that_are_not_utf_8_are_refused() =>
        Assert.False(CanonicalJson.TryFingerprint([(byte)'"', 0xC3, (byte)'"'], new byte[32], out _));

    private static string Source(JsonNode? node) => node?.ToJsonString() ?? "null";

    private static string Canonical(string json) => Canonical(Encoding.UTF8.GetBytes(json));

    private static string Canonical(byte[] json)
    {
        ArrayBufferWriter<byte> output = new();
        CanonicalJson.Write(json, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static Gen<JsonNode?> Leaf() => Gen.OneOf(
        Gen.Const((JsonNode?)null),
        Gen.Bool.Select(b => (JsonNode?)JsonValue.Create(b)),
        Finite.Select(d => (JsonNode?)JsonValue.Create(d)),
        Gen.Long.Select(l => (JsonNode?)JsonValue.Create((double)l)),
        Text.Select(t => (JsonNode?)JsonValue.Create(t)));

    private static JsonNode? Shuffled(JsonNode? node, Random random)
    {
        switch (node)
        {
            case JsonObject members:
                KeyValuePair<string, JsonNode?>[] pairs = [.. members.Select(m => KeyValuePair.Create(m.Key, Shuffled(m.Value, random)))];
                random.Shuffle(pairs);
                return new JsonObject(pairs);
            case JsonArray items:
                return new JsonArray([.. items.Select(i => Shuffled(i, random))]);
            default:
                return node?.DeepClone();
        }
    }
}
