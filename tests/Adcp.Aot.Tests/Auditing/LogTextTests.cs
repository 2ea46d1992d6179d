using Adcp.Aot.Auditing;
using CsCheck;

namespace Adcp.Aot.Tests.Auditing;

public sealed class LogTextTests
{
    [Theory]
    [InlineData("task_1", "task_1")]
    [InlineData("", "")]
    [InlineData("a b", "a\\u0020b")]
    [InlineData("a\nyes  200", "a\\u000ayes\\u0020\\u0020200")]
    [InlineData("\u001b]0;pwned\u0007", "\\u001b]0;pwned\\u0007")]
    [InlineData("\u009b31m", "\\u009b31m")]
    [InlineData("a\u202eb\u2066c\u200bd\ufeff", "a\\u202eb\\u2066c\\u200bd\\ufeff")]
    [InlineData("\u05d0\u0627", "\\u05d0\\u0627")]
    [InlineData("\ud83d\ude00", "\\ud83d\\ude00")]
    [InlineData("\\u0041", "\\u005cu0041")]
    public void Text_of_strangers_is_escaped(string text, string shown) => Assert.Equal(shown, LogText.Printable(text, 64));

    [Fact]
    public void It_is_cut_and_never_in_an_escape()
    {
        Assert.Equal(new string('a', 64), LogText.Printable(new string('a', 64), 64));
        Assert.Equal(new string('a', 61) + "...", LogText.Printable(new string('a', 65), 64));
        Assert.Equal("aaaa...", LogText.Printable("aaaa\n\n", 9));
        Assert.Equal("\\ud800", LogText.Printable("\ud800", 64));
        Assert.Null(LogText.Printable(null, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogText.Printable("a", 3));
    }

    [Fact]
    public void Any_text_becomes_short_visible_ascii() => Gen.Select(Gen.Char.Array[0, 100], Gen.Int[4, 80]).Sample((text, length) =>
    {
        string shown = LogText.Printable(new string(text), length)!;
        return shown.Length <= length && shown.All(character => character is >= '!' and <= '~');
    });
}
