using System.Globalization;

namespace Adcp.Aot.Json;

/// <summary>
/// Writes numbers as ECMAScript's <c>Number::toString</c> does (RFC 8785, section 3.2.2.3): the shortest digits that
/// read back to the same double.
/// </summary>
internal static class EcmaScriptNumber
{
    /// <summary>Enough for every finite double; the longest are like <c>-0.0000012345678901234567</c>.</summary>
    internal const int MaxLength = 32;

    /// <summary>Writes a finite number.</summary>
    /// <returns>The number of bytes written.</returns>
    internal static int Format(double value, Span<byte> output)
    {
        if (value == 0)
        {
            // Also -0.
            output[0] = (byte)'0';
            return 1;
        }

        Span<byte> digits = stackalloc byte[MaxLength];
        int count = Digits(Math.Abs(value), digits, out int point);
        digits = digits[..count];
        int at = 0;
        if (value < 0)
        {
            output[at++] = (byte)'-';
        }

        switch (point)
        {
            case > 0 and <= 21 when count <= point:
                Put(digits, output, ref at);
                output.Slice(at, point - count).Fill((byte)'0');
                return at + point - count;
            case > 0 and <= 21:
                Put(digits[..point], output, ref at);
                output[at++] = (byte)'.';
                Put(digits[point..], output, ref at);
                return at;
            case > -6 and <= 0:
                Put("0."u8, output, ref at);
                output.Slice(at, -point).Fill((byte)'0');
                at += -point;
                Put(digits, output, ref at);
                return at;
        }

        output[at++] = digits[0];
        if (count > 1)
        {
            output[at++] = (byte)'.';
            Put(digits[1..], output, ref at);
        }

        output[at++] = (byte)'e';
        output[at++] = point > 0 ? (byte)'+' : (byte)'-';
        Math.Abs(point - 1).TryFormat(output[at..], out int written, default, CultureInfo.InvariantCulture);
        return at + written;

        static void Put(ReadOnlySpan<byte> text, Span<byte> output, ref int at)
        {
            text.CopyTo(output[at..]);
            at += text.Length;
        }
    }

    /// <summary>
    /// Finds the shortest significant digits, and the position of the decimal point counted from the first of them.
    /// </summary>
    private static int Digits(double value, Span<byte> digits, out int point)
    {
        // .NET's round-trip form has the digits that ECMAScript requires; only its layout differs.
        Span<byte> text = stackalloc byte[MaxLength];
        value.TryFormat(text, out int length, "R", CultureInfo.InvariantCulture);
        bool isPowerOfTwo = (BitConverter.DoubleToUInt64Bits(value) & ((1UL << 52) - 1)) == 0;
        if (isPowerOfTwo && double.Parse(text[..length], CultureInfo.InvariantCulture) != value)
        {
            // .NET 10 writes 2^-25 and 2^-958 one digit short, so they read back as the next lower double; 17 digits
            // are right for them.
            value.TryFormat(text, out length, "E16", CultureInfo.InvariantCulture);
        }

        text = text[..length];
        int exponentAt = text.IndexOf((byte)'E');
        ReadOnlySpan<byte> mantissa = exponentAt < 0 ? text : text[..exponentAt];
        int exponent = exponentAt < 0
            ? 0
            : int.Parse(text[(exponentAt + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        int pointAt = mantissa.IndexOf((byte)'.');
        point = (pointAt < 0 ? mantissa.Length : pointAt) + exponent;
        int count = 0;
        foreach (byte c in mantissa)
        {
            if (c == '.')
            {
                continue;
            }

            if (count == 0 && c == '0')
            {
                // A leading zero does not count as a digit: 0.05 has its point one before the 5.
                point--;
                continue;
            }

            digits[count++] = c;
        }

        while (digits[count - 1] == '0')
        {
            count--;
        }

        return count;
    }
}
