using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Tests.Fuzzing;
using CsCheck;

namespace Adcp.Aot.Tests.Json;

public sealed class JsonBodyCheckTests
{
    private static readonly Gen<string> Names = Gen.Select(Gen.Int[0, 30], Gen.Int[0, 3]).Select((number, escape) =>
    {
        string name = "n" + number;
        return escape == 0 ? $"\\u006e{number}" : name;
    });

    private static readonly Gen<string> Objects = Value(3);

    [Fact]
    public void Names_are_distinct_exactly_where_the_platforms_strict_parser_says_so() => Objects.Sample(
        json =>
        {
            bool strict = true;
            try
            {
                using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            }
            catch (JsonException)
            {
                strict = false;
            }

            (string Code, string Message)? fault = JsonBodyCheck.Check(Encoding.UTF8.GetBytes(json));
            Assert.Equal(strict ? null : "duplicate_key_input", fault?.Code);
            Assert.Equal(fault?.Message, JsonBodyCheck.FindDuplicates(Encoding.UTF8.GetBytes(json)));
        },
        iter: 3000);

    [Theory]
    [InlineData(17)]
    [InlineData(5000)]
    public void A_large_object_is_checked_to_its_last_name(int names)
    {
        string distinct = "{" + string.Join(',', Enumerable.Range(0, names).Select(i => $"\"n{i}\":{{}}")) + "}";
        Assert.Null(JsonBodyCheck.Check(Encoding.UTF8.GetBytes(distinct)));
        Assert.Equal("duplicate_key_input", JsonBodyCheck.Check(Encoding.UTF8.GetBytes(distinct[..^1] + $",\"n{names / 2}\":1}}"))?.Code);
        string same = "{" + string.Join(',', Enumerable.Repeat("\"n\":1", names)) + "}";
        Assert.Contains($"<...{names - 5} more>", JsonBodyCheck.Check(Encoding.UTF8.GetBytes(same))?.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"\\udc00\":1}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{} {}")]
    [InlineData("")]
    public void What_parsers_may_read_differently_is_no_json(string json) =>
        Assert.Equal("invalid_json", JsonBodyCheck.Check(Encoding.UTF8.GetBytes(json))?.Code);

    [Theory]
    [InlineData("[0,-0,12,-3.25,1e5,1E+5,-0.5e-10]")]
    [InlineData("{\"a\":\"a string of more than one vector and \\\"escapes\\\" \\\\ \\u00e9 of all kinds\",\"b\":[true,false,null]}")]
    [InlineData(" { \"\" : [ ] , \"b\" : { } } \r\n\t")]
    [InlineData("\"\u20ac\ud83d\ude00\"")]
    public void Whatever_byte_is_changed_or_cut_off_the_text_is_read_as_the_platforms_strict_parser_reads_it(string json)
    {
        byte[] text = Encoding.UTF8.GetBytes(json);
        Assert.Null(JsonBodyCheck.Check(text));
        for (int at = 0; at < text.Length; at++)
        {
            AssertSame(text[..at]);
            for (int value = 0; value < 256; value++)
            {
                byte[] changed = [.. text];
                changed[at] = (byte)value;
                AssertSame(changed);
            }
        }

        static void AssertSame(byte[] json) =>
            Assert.True(FuzzTests.IsSoundJson(json) == (JsonBodyCheck.Check(json) is null), Convert.ToHexString(json));
    }

    [Fact]
    public void Sixty_four_levels_pass_and_one_more_does_not()
    {
        Assert.Null(JsonBodyCheck.Check(Encoding.UTF8.GetBytes(Nested(64))));
        Assert.Equal("invalid_json", JsonBodyCheck.Check(Encoding.UTF8.GetBytes(Nested(65)))?.Code);

        static string Nested(int levels) => string.Concat(Enumerable.Repeat("{\"a\":[", levels / 2))
            + (levels % 2 == 0 ? "" : "{}") + string.Concat(Enumerable.Repeat("]}", levels / 2));
    }

    [Fact]
    public void A_sound_body_of_ordinary_size_costs_no_allocation()
    {
        byte[] body = Encoding.UTF8.GetBytes("{\"a\":[{\"b\":\"text\",\"c\":{\"d\":1.5}},{\"b\":null,\"c\":true}],\"e\":{}}");
        for (int i = 0; i < 100; i++)
        {
            Assert.Null(JsonBodyCheck.Check(body));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            _ = JsonBodyCheck.Check(body);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static Gen<string> Value(int depth) => depth == 0
        ? Gen.OneOf("1", "\"x\"", "\"\\u0041\"", "null", "[]")
        : Gen.OneOf(
            Gen.Select(Names, Value(depth - 1)).Array[0, 6].Select(members =>
                "{" + string.Join(',', members.Select(m => $"\"{m.Item1}\":{m.Item2}")) + "}"),
            Gen.Select(Names, Gen.Const("1")).Array[15, 22].Select(members =>
                "{" + string.Join(',', members.Select(m => $"\"{m.Item1}\":{m.Item2}")) + "}"),
            Value(depth - 1).Array[0, 4].Select(items => "[" + string.Join(',', items) + "]"));
}
