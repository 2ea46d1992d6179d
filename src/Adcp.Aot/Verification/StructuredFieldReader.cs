namespace Adcp.Aot.Verification;

/// <summary>
/// Reads the structured fields (RFC 9651, section 4.2) of message signatures strictly and without allocation:
/// dictionaries of inner lists or items with parameters. Every method returns false if the text breaks the grammar. The
/// reader must not be used after that.
/// </summary>
/// <remarks>
/// Byte sequences are accepted in either base64 alphabet, padded or not. The caller decides which of them a field
/// allows.
/// </remarks>
internal ref struct StructuredFieldReader
{
    private const int MaxIntegerDigits = 15;

    private readonly ReadOnlySpan<char> _text;
    private int _at;

    internal StructuredFieldReader(ReadOnlySpan<char> text)
    {
        _text = text;
        SkipSpaces();
    }

    internal enum ItemKind
    {
        None,
        Integer,
        Decimal,
        String,
        Token,
        Bytes,
        Boolean,
        Date,
        DisplayString,
    }

    internal readonly bool AtEnd => _at == _text.Length;

    internal readonly int Position => _at;

    internal readonly bool AtInnerList => Peek() == '(';

    /// <summary>Reads a dictionary's or parameter's key.</summary>
    internal bool TryKey(out Range key)
    {
        int start = _at;
        if (Peek() is not ((>= 'a' and <= 'z') or '*'))
        {
            key = default;
            return false;
        }

        while (Peek() is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-' or '.' or '*')
        {
            _at++;
        }

        key = start.._at;
        return true;
    }

    internal bool TryTake(char c)
    {
        if (Peek() != c)
        {
            return false;
        }

        _at++;
        return true;
    }

    /// <summary>
    /// Skips the separator of two dictionary members, and reports whether another member follows. A comma at the end is
    /// an error.
    /// </summary>
    internal bool TryNextMember(out bool more)
    {
        SkipWhitespace();
        more = !AtEnd;
        if (!more)
        {
            return true;
        }

        if (!TryTake(','))
        {
            return false;
        }

        SkipWhitespace();
        return !AtEnd;
    }

    /// <summary>Moves to the next item of an inner list, or past its end, and reports which.</summary>
    internal bool TryNextInnerItem(bool first, out bool more)
    {
        more = true;
        bool spaced = Peek() == ' ';
        SkipSpaces();
        if (TryTake(')'))
        {
            more = false;
            return true;
        }

        return first || spaced;
    }

    /// <summary>
    /// Reads a bare item. The range holds a string's content without its quotes, and bytes without their colons.
    /// </summary>
    internal bool TryItem(out ItemKind kind, out Range value)
    {
        char c = Peek();
        kind = c switch
        {
            '"' => ItemKind.String,
            ':' => ItemKind.Bytes,
            '?' => ItemKind.Boolean,
            '@' => ItemKind.Date,
            '%' => ItemKind.DisplayString,
            '-' or (>= '0' and <= '9') => ItemKind.Integer,
            '*' or (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') => ItemKind.Token,
            _ => ItemKind.None,
        };
        value = default;
        switch (kind)
        {
            case ItemKind.String:
                return TryString(out value);
            case ItemKind.Bytes:
                return TryBytes(out value);
            case ItemKind.Boolean:
                _at++;
                value = _at..(_at + 1);
                return TryTake('0') || TryTake('1');
            case ItemKind.Date:
                _at++;
                return TryNumber(out ItemKind number, out value) && number == ItemKind.Integer;
            case ItemKind.DisplayString:
                return TryDisplayString(out value);
            case ItemKind.Integer:
                return TryNumber(out kind, out value);
            case ItemKind.Token:
                return TryToken(out value);
            default:
                return false;
        }
    }

    /// <summary>Skips an item's parameters, and reports whether it had any.</summary>
    internal bool TrySkipParameters(out bool any)
    {
        any = false;
        while (TryParameter(out bool more, out _, out _, out _))
        {
            if (!more)
            {
                return true;
            }

            any = true;
        }

        return false;
    }

    /// <summary>Reads the next parameter, if there is one. A parameter without a value is a true boolean.</summary>
    internal bool TryParameter(out bool more, out Range key, out ItemKind kind, out Range value)
    {
        key = default;
        value = default;
        kind = ItemKind.Boolean;
        more = TryTake(';');
        if (!more)
        {
            return true;
        }

        SkipSpaces();
        return TryKey(out key) && (!TryTake('=') || TryItem(out kind, out value));
    }

    private readonly char Peek() => _at < _text.Length ? _text[_at] : '\0';

    private void SkipSpaces()
    {
        while (Peek() == ' ')
        {
            _at++;
        }
    }

    private void SkipWhitespace()
    {
        while (Peek() is ' ' or '\t')
        {
            _at++;
        }
    }

    private bool TryString(out Range value)
    {
        int start = ++_at;
        for (; _at < _text.Length; _at++)
        {
            switch (_text[_at])
            {
                case '"':
                    value = start.._at++;
                    return true;
                case '\\':
                    _at++;
                    if (Peek() is not ('"' or '\\'))
                    {
                        value = default;
                        return false;
                    }

                    break;
                case < ' ' or > '~':
                    value = default;
                    return false;
            }
        }

        value = default;
        return false;
    }

    private bool TryDisplayString(out Range value)
    {
        value = default;
        _at++;
        if (!TryTake('"'))
        {
            return false;
        }

        int start = _at;
        for (; _at < _text.Length; _at++)
        {
            switch (_text[_at])
            {
                case '"':
                    value = start.._at++;
                    return true;
                case '%':
                    if (_at + 2 >= _text.Length || !IsLowerHex(_text[_at + 1]) || !IsLowerHex(_text[_at + 2]))
                    {
                        return false;
                    }

                    _at += 2;
                    break;
                case < ' ' or > '~':
                    return false;
            }
        }

        return false;

        static bool IsLowerHex(char c) => c is (>= '0' and <= '9') or (>= 'a' and <= 'f');
    }

    private bool TryBytes(out Range value)
    {
        int start = ++_at;
        while (char.IsAsciiLetterOrDigit(Peek()) || Peek() is '+' or '/' or '=' or '-' or '_')
        {
            _at++;
        }

        value = start.._at;
        return TryTake(':');
    }

    private bool TryNumber(out ItemKind kind, out Range value)
    {
        kind = ItemKind.Integer;
        int start = _at;
        TryTake('-');
        int digits = TakeDigits();
        value = start.._at;
        if (digits is 0 or > MaxIntegerDigits)
        {
            return false;
        }

        if (!TryTake('.'))
        {
            return true;
        }

        kind = ItemKind.Decimal;
        int fraction = TakeDigits();
        value = start.._at;
        return digits <= 12 && fraction is >= 1 and <= 3;
    }

    private int TakeDigits()
    {
        int start = _at;
        while (char.IsAsciiDigit(Peek()))
        {
            _at++;
        }

        return _at - start;
    }

    private bool TryToken(out Range value)
    {
        int start = _at;
        while (char.IsAsciiLetterOrDigit(Peek())
            || Peek() is ':' or '/' or '!' or '#' or '$' or '%' or '&' or '\'' or '*' or '+' or '-' or '.' or '^' or '_' or '`'
                or '|' or '~')
        {
            _at++;
        }

        value = start.._at;
        return true;
    }
}
