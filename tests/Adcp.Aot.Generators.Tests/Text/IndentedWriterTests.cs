using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Tests.Text;

public sealed class IndentedWriterTests
{
    [Fact]
    public void Blocks_indent_and_close()
    {
        IndentedWriter text = new();
        using (text.Open("class A"))
        {
            text.Line("int x;\nint y;").Line();
            using (text.Open("int[] z =", "};"))
            {
                text.Line("1,");
            }
        }

        Assert.Equal("class A\n{\n    int x;\n    int y;\n\n    int[] z =\n    {\n        1,\n    };\n}\n", text.ToString());
    }
}
