using System.Buffers;
using System.Buffers.Text;
using System.Globalization;

namespace Adcp.Aot.Verification;

/// <summary>
/// The signature labelled <c>sig1</c> as ranges in its two headers. It is found by its label, at any position and
/// beside any other labels, but both headers as a whole must match the grammar.
/// </summary>
internal struct ParsedSignature
{
    internal const int RawLength = 64;

    private const string Label = "sig1";
    private const int MaxHeaderLength = 8192;
    private const int MaxMembers = 16;
    private const int MaxComponents = 32;
    private const int MaxParameters = 16;
    private const int MinNonceLength = 22;

    private static readonly SearchValues<char> Base64UrlCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private static readonly string[] Required = ["@method", "@target-uri", "@authority", "content-type", "content-digest"];

    private Parts _present;
    private int _components;

    [Flags]
    private enum Parts
    {
        Created = 1,
        Expires = 2,
        Nonce = 4,
        KeyId = 8,
        Alg = 16,
        Tag = 32,
        All = 63,
    }

    /// <summary>The inner list and its parameters, which are the value of <c>@signature-params</c>.</summary>
    internal Range Parameters { get; private set; }

    internal long Created { get; private set; }

    internal long Expires { get; private set; }

    internal Range Nonce { get; private set; }

    internal Range KeyId { get; private set; }

    internal Range Alg { get; private set; }

    internal Range Tag { get; private set; }

    /// <summary>The signature's base64url in the <c>Signature</c> header.</summary>
    internal Range Signature { get; private set; }

    internal readonly bool HasAllParameters => _present == Parts.All;

    internal readonly bool CoversAllRequired => _components == (1 << Required.Length) - 1;

    /// <summary>Reads both headers (RFC 9421, section 4).</summary>
    /// <returns><c>null</c> if they are valid, otherwise the rule that is broken.</returns>
    internal static string? Read(ReadOnlySpan<char> input, ReadOnlySpan<char> signature, out ParsedSignature parsed)
    {
        parsed = default;
        if (input.Length > MaxHeaderLength || signature.Length > MaxHeaderLength)
        {
            return "A signature header has more than 8192 characters.";
        }

        return parsed.ReadInput(input) ?? parsed.ReadSignature(signature);
    }

    /// <summary>Decodes unpadded base64url whose unused bits are zero, so that each value has one text only.</summary>
    internal static bool TryDecode(ReadOnlySpan<char> text, Span<byte> output) =>
        !text.ContainsAnyExcept(Base64UrlCharacters)
        && Base64Url.DecodeFromChars(text, output, out _, out int written) == OperationStatus.Done && written == output.Length;

    /// <summary>
    /// Reads the <c>sha-256</c> of a <c>Content-Digest</c>, in either base64 alphabet but not in both at once, padded
    /// or not.
    /// </summary>
    /// <returns><c>false</c> if the header is malformed, or has no <c>sha-256</c> or more than one.</returns>
    internal static bool TryReadContentDigest(ReadOnlySpan<char> header, Span<byte> sha256)
    {
        if (header.Length > MaxHeaderLength)
        {
            return false;
        }

        StructuredFieldReader reader = new(header);
        bool found = false;
        for (int members = 0; members < MaxMembers; members++)
        {
            if (!reader.TryKey(out Range key) || !reader.TryTake('=')
                || !reader.TryItem(out StructuredFieldReader.ItemKind kind, out Range value)
                || kind != StructuredFieldReader.ItemKind.Bytes || !reader.TrySkipParameters(out _))
            {
                return false;
            }

            if (header[key].SequenceEqual("sha-256"))
            {
                if (found || !TryDecodeEither(header[value], sha256))
                {
                    return false;
                }

                found = true;
            }

            if (!reader.TryNextMember(out bool more))
            {
                return false;
            }

            if (!more)
            {
                return found;
            }
        }

        return false;
    }

    private static bool TryDecodeEither(ReadOnlySpan<char> text, Span<byte> output)
    {
        const int Unpadded = 43;
        bool padded = text.Length == Unpadded + 1 && text[^1] == '=';
        if (text.Length != Unpadded && !padded)
        {
            return false;
        }

        text = text[..Unpadded];
        bool standard = text.ContainsAny('+', '/');
        if (standard && text.ContainsAny('-', '_'))
        {
            return false;
        }

        Span<char> url = stackalloc char[Unpadded];
        text.Replace(url, '+', '-');
        url.Replace('/', '_');
        return TryDecode(url, output);
    }

    private string? ReadInput(ReadOnlySpan<char> input)
    {
        const string Malformed = "Signature-Input is not a dictionary of inner lists with distinct labels.";
        StructuredFieldReader reader = new(input);
        Span<Range> labels = stackalloc Range[MaxMembers];
        bool found = false;
        for (int members = 0; members < MaxMembers; members++)
        {
            if (!reader.TryKey(out Range label) || !IsNew(input, label, labels[..members]) || !reader.TryTake('=') || !reader.AtInnerList)
            {
                return Malformed;
            }

            labels[members] = label;
            if (input[label].SequenceEqual(Label))
            {
                found = true;
                int start = reader.Position;
                if ((ReadComponents(input, ref reader) ?? ReadParameters(input, ref reader)) is { } fault)
                {
                    return fault;
                }

                Parameters = start..reader.Position;
            }
            else if (!TrySkipInnerList(ref reader))
            {
                // Other labels may have any content, but it must be readable.
                return Malformed;
            }

            if (!reader.TryNextMember(out bool more))
            {
                return Malformed;
            }

            if (!more)
            {
                return found ? null : "Signature-Input has no member sig1.";
            }
        }

        return Malformed;
    }

    private string? ReadComponents(ReadOnlySpan<char> input, ref StructuredFieldReader reader)
    {
        const string Malformed = "The covered components are not a list of distinct strings.";
        reader.TryTake('(');
        Span<Range> items = stackalloc Range[MaxComponents];
        for (int count = 0; ; count++)
        {
            if (!reader.TryNextInnerItem(count == 0, out bool more))
            {
                return Malformed;
            }

            if (!more)
            {
                return null;
            }

            int start = reader.Position;
            if (count == MaxComponents || !reader.TryItem(out StructuredFieldReader.ItemKind kind, out Range name)
                || kind != StructuredFieldReader.ItemKind.String || !reader.TrySkipParameters(out bool parameters)
                || !IsNew(input, start..reader.Position, items[..count]))
            {
                return Malformed;
            }

            items[count] = start..reader.Position;
            for (int i = 0; !parameters && i < Required.Length; i++)
            {
                _components |= input[name].SequenceEqual(Required[i]) ? 1 << i : 0;
            }
        }
    }

    private string? ReadParameters(ReadOnlySpan<char> input, ref StructuredFieldReader reader)
    {
        const string Malformed = "A signature parameter is malformed, of the wrong type, or there twice.";
        Span<Range> keys = stackalloc Range[MaxParameters];
        for (int count = 0; ; count++)
        {
            if (!reader.TryParameter(out bool more, out Range key, out StructuredFieldReader.ItemKind kind, out Range value))
            {
                return Malformed;
            }

            if (!more)
            {
                return null;
            }

            if (count == MaxParameters || !IsNew(input, key, keys[..count]) || !TrySet(input, input[key], kind, value))
            {
                return Malformed;
            }

            keys[count] = key;
        }
    }

    private bool TrySet(ReadOnlySpan<char> input, ReadOnlySpan<char> key, StructuredFieldReader.ItemKind kind, Range value)
    {
        bool isString = kind == StructuredFieldReader.ItemKind.String;
        bool isInteger = kind == StructuredFieldReader.ItemKind.Integer;
        switch (key)
        {
            case "created":
                _present |= Parts.Created;
                Created = isInteger ? long.Parse(input[value], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0;
                return isInteger;
            case "expires":
                _present |= Parts.Expires;
                Expires = isInteger ? long.Parse(input[value], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0;
                return isInteger;
            case "nonce":
                _present |= Parts.Nonce;
                Nonce = value;
                return isString && IsNonce(input[value]);
            case "keyid":
                _present |= Parts.KeyId;
                KeyId = value;
                return isString;
            case "alg":
                _present |= Parts.Alg;
                Alg = value;
                return isString;
            case "tag":
                _present |= Parts.Tag;
                Tag = value;
                return isString;
            default:
                return true;
        }
    }

    /// <summary>Returns whether the text is unpadded base64url of at least 16 bytes.</summary>
    private static bool IsNonce(ReadOnlySpan<char> text) =>
        text.Length >= MinNonceLength && text.Length % 4 != 1 && !text.ContainsAnyExcept(Base64UrlCharacters);

    private string? ReadSignature(ReadOnlySpan<char> signature)
    {
        const string Malformed = "Signature is not a dictionary of byte sequences with distinct labels.";
        StructuredFieldReader reader = new(signature);
        Span<Range> labels = stackalloc Range[MaxMembers];
        bool found = false;
        for (int members = 0; members < MaxMembers; members++)
        {
            if (!reader.TryKey(out Range label) || !IsNew(signature, label, labels[..members]) || !reader.TryTake('=')
                || !reader.TryItem(out StructuredFieldReader.ItemKind kind, out Range value) || kind != StructuredFieldReader.ItemKind.Bytes
                || !reader.TrySkipParameters(out _))
            {
                return Malformed;
            }

            labels[members] = label;
            if (signature[label].SequenceEqual(Label))
            {
                found = true;
                Signature = value;
                if (signature[value].IsEmpty || signature[value].ContainsAnyExcept(Base64UrlCharacters))
                {
                    return "The signature is not unpadded base64url.";
                }
            }

            if (!reader.TryNextMember(out bool more))
            {
                return Malformed;
            }

            if (!more)
            {
                return found ? null : "Signature has no member sig1.";
            }
        }

        return Malformed;
    }

    private static bool TrySkipInnerList(ref StructuredFieldReader reader)
    {
        reader.TryTake('(');
        for (int count = 0; count <= MaxComponents; count++)
        {
            if (!reader.TryNextInnerItem(count == 0, out bool more))
            {
                return false;
            }

            if (!more)
            {
                return reader.TrySkipParameters(out _);
            }

            if (!reader.TryItem(out _, out _) || !reader.TrySkipParameters(out _))
            {
                return false;
            }
        }

        return false;
    }

    private static bool IsNew(ReadOnlySpan<char> text, Range one, ReadOnlySpan<Range> others)
    {
        foreach (Range other in others)
        {
            if (text[one].SequenceEqual(text[other]))
            {
                return false;
            }
        }

        return true;
    }
}
