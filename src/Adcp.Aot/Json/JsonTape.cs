using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;

namespace Adcp.Aot.Json;

/// <summary>
/// A JSON value in flat pooled arrays, with each object's members in canonical order, so that its canonical form can be
/// written without a tree. Every refusal happens while reading.
/// </summary>
internal sealed class JsonTape : IComparer<int>, IDisposable
{
    // Every string unescaped, one after another.
    private Pooled<byte> _text;

    // Values and member names in document order; the value of a member follows its name.
    private Pooled<Node> _nodes;

    // For each container the indexes of its children: an object's names, sorted, or an array's values.
    private Pooled<int> _children;

    /// <summary>Reads a text.</summary>
    /// <returns><c>false</c> if it is not one valid value without duplicate names and with finite numbers.</returns>
    internal bool TryRead(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            return false;
        }

        try
        {
            return Read(json);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The reader's own exceptions, and the one for a string with a lone surrogate.
            return false;
        }
    }

    /// <summary>Writes the value that was read.</summary>
    internal void WriteCanonical(IBufferWriter<byte> output) => Write(0, output);

    /// <summary>Compares two names by their UTF-16 code units (RFC 8785, section 3.2.3).</summary>
    public int Compare(int x, int y)
    {
        ReadOnlySpan<byte> left = Text(_nodes[x]);
        ReadOnlySpan<byte> right = Text(_nodes[y]);
        int same = left.CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
        {
            return left.Length - right.Length;
        }

        return Rank(left[same]) - Rank(right[same]);

        // UTF-8 orders like code points; in UTF-16 the surrogates of U+10000 and above (0xF0 to 0xF4) come before
        // U+E000 to U+FFFF (0xEE and 0xEF).
        static int Rank(byte lead) => lead is 0xEE or 0xEF ? lead + 0x10 : lead;
    }

    public void Dispose()
    {
        _text.Dispose();
        _nodes.Dispose();
        _children.Dispose();
    }

    private bool Read(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = JsonBodyCheck.MaxDepth });
        Span<(int Node, int Pending)> open = stackalloc (int, int)[JsonBodyCheck.MaxDepth];
        int depth = 0;
        Pooled<int> pending = default;
        try
        {
            while (reader.Read())
            {
                JsonTokenType token = reader.TokenType;
                if (token is JsonTokenType.EndObject or JsonTokenType.EndArray)
                {
                    (int node, int first) = open[--depth];
                    if (!Close(node, pending.Span[first..]))
                    {
                        return false;
                    }

                    pending.Count = first;
                    continue;
                }

                if (depth > 0 && (token == JsonTokenType.PropertyName || _nodes[open[depth - 1].Node].Token == JsonTokenType.StartArray))
                {
                    pending.Add(_nodes.Count);
                }

                Node value = new() { Token = token };
                switch (token)
                {
                    case JsonTokenType.StartObject or JsonTokenType.StartArray:
                        open[depth++] = (_nodes.Count, pending.Count);
                        break;
                    case JsonTokenType.PropertyName or JsonTokenType.String:
                        value.Start = _text.Count;
                        value.Length = reader.CopyString(_text.Room(reader.ValueSpan.Length));
                        _text.Count += value.Length;
                        break;
                    case JsonTokenType.Number:
                        if (!reader.TryGetDouble(out value.Number) || !double.IsFinite(value.Number))
                        {
                            return false;
                        }

                        break;
                }

                _nodes.Add(value);
            }

            return true;
        }
        finally
        {
            pending.Dispose();
        }
    }

    private bool Close(int container, ReadOnlySpan<int> children)
    {
        ref Node node = ref _nodes[container];
        node.Start = _children.Count;
        node.Length = children.Length;
        Span<int> kept = _children.Room(children.Length)[..children.Length];
        children.CopyTo(kept);
        _children.Count += children.Length;
        if (node.Token == JsonTokenType.StartArray)
        {
            return true;
        }

        kept.Sort(this);
        for (int i = 1; i < kept.Length; i++)
        {
            if (Compare(kept[i - 1], kept[i]) == 0)
            {
                return false;
            }
        }

        return true;
    }

    private void Write(int index, IBufferWriter<byte> output)
    {
        Node node = _nodes[index];
        switch (node.Token)
        {
            case JsonTokenType.StartObject:
                output.Write("{"u8);
                for (int i = 0; i < node.Length; i++)
                {
                    int name = _children[node.Start + i];
                    output.Write(i == 0 ? [] : ","u8);
                    WriteString(Text(_nodes[name]), output);
                    output.Write(":"u8);
                    Write(name + 1, output);
                }

                output.Write("}"u8);
                break;
            case JsonTokenType.StartArray:
                output.Write("["u8);
                for (int i = 0; i < node.Length; i++)
                {
                    output.Write(i == 0 ? [] : ","u8);
                    Write(_children[node.Start + i], output);
                }

                output.Write("]"u8);
                break;
            case JsonTokenType.String:
                WriteString(Text(node), output);
                break;
            case JsonTokenType.Number:
                output.Advance(EcmaScriptNumber.Format(node.Number, output.GetSpan(EcmaScriptNumber.MaxLength)));
                break;
            default:
                output.Write(node.Token switch { JsonTokenType.True => "true"u8, JsonTokenType.False => "false"u8, _ => "null"u8 });
                break;
        }
    }

    /// <summary>Quotes a string. Escapes only quote, backslash and C0 controls (RFC 8785, section 3.2.2.2).</summary>
    private static void WriteString(ReadOnlySpan<byte> text, IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        while (text.IndexOfAny(Escaped) is var at and >= 0)
        {
            output.Write(text[..at]);
            byte c = text[at];
            ReadOnlySpan<byte> shortForm = c switch
            {
                (byte)'"' => "\\\""u8,
                (byte)'\\' => "\\\\"u8,
                0x08 => "\\b"u8,
                0x09 => "\\t"u8,
                0x0A => "\\n"u8,
                0x0C => "\\f"u8,
                0x0D => "\\r"u8,
                _ => default,
            };
            output.Write(shortForm.IsEmpty ? [.. "\\u00"u8, HexDigit(c >> 4), HexDigit(c & 15)] : shortForm);
            text = text[(at + 1)..];
        }

        output.Write(text);
        output.Write("\""u8);

        static byte HexDigit(int value) => "0123456789abcdef"u8[value];
    }

    private static readonly SearchValues<byte> Escaped =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (byte)c), (byte)'"', (byte)'\\']);

    private ReadOnlySpan<byte> Text(in Node node) => _text.Span.Slice(node.Start, node.Length);

    [StructLayout(LayoutKind.Auto)]
    private struct Node
    {
        internal JsonTokenType Token;

        // For a string, the position in the text; for a container, in the children.
        internal int Start;
        internal int Length;
        internal double Number;
    }

    /// <summary>A list in an array of the shared pool.</summary>
    private struct Pooled<T> : IDisposable
        where T : unmanaged
    {
        private T[]? _items;

        internal int Count { get; set; }

        internal readonly Span<T> Span => _items.AsSpan(0, Count);

        internal readonly ref T this[int index] => ref _items![index];

        internal void Add(T item)
        {
            Room(1)[0] = item;
            Count++;
        }

        /// <summary>Returns space after the last item for at least <paramref name="size"/> more.</summary>
        internal Span<T> Room(int size)
        {
            if (_items is null || _items.Length - Count < size)
            {
                T[] larger = ArrayPool<T>.Shared.Rent(Math.Max(Count + size, Count * 2));
                Span.CopyTo(larger);
                Dispose();
                _items = larger;
            }

            return _items.AsSpan(Count);
        }

        public void Dispose()
        {
            if (_items is not null)
            {
                ArrayPool<T>.Shared.Return(_items);
                _items = null;
            }
        }
    }
}
