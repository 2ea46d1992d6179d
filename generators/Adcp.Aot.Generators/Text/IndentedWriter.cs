using System.Text;

namespace Adcp.Aot.Generators.Text;

/// <summary>Writes C# line by line, four blanks per level, <c>\n</c> at the end of each.</summary>
internal sealed class IndentedWriter
{
    private readonly StringBuilder _text = new();
    private int _level;

    /// <summary>Writes an empty line.</summary>
    public IndentedWriter Line()
    {
        _text.Append('\n');
        return this;
    }

    /// <summary>Writes a line, or several: each line of a text that holds line ends is indented.</summary>
    public IndentedWriter Line(string text)
    {
        foreach (string line in text.Replace("\r\n", "\n").Split('\n'))
        {
            if (line.Length > 0)
            {
                _text.Append(' ', _level * 4).Append(line);
            }

            _text.Append('\n');
        }

        return this;
    }

    /// <summary>Opens a brace; dispose the result to close it.</summary>
    public Block Open()
    {
        Line("{");
        _level++;
        return new Block(this, "}");
    }

    /// <summary>Writes a line and opens a brace; dispose the result to close it.</summary>
    public Block Open(string header) => Line(header).Open();

    /// <summary>Writes a line and opens a brace with your own closing text, such as <c>};</c>.</summary>
    public Block Open(string header, string close)
    {
        Line(header).Line("{");
        _level++;
        return new Block(this, close);
    }

    /// <summary>Indents the lines until the result is disposed.</summary>
    public Block Indent()
    {
        _level++;
        return new Block(this, null);
    }

    public override string ToString() => _text.ToString();

    internal readonly struct Block(IndentedWriter writer, string? close) : IDisposable
    {
        public void Dispose()
        {
            writer._level--;
            if (close is not null)
            {
                writer.Line(close);
            }
        }
    }
}
