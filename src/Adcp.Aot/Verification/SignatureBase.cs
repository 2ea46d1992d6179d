using System.Buffers;
using System.Text;
using Adcp.Aot.Network;

namespace Adcp.Aot.Verification;

/// <summary>
/// Writes the signature base (RFC 9421, section 2.5) that a receiver rebuilds from the request: a line for each covered
/// component in the signer's order, then the parameters as they were sent.
/// </summary>
internal ref struct SignatureBase(Span<byte> initial)
{
    private byte[]? _rented;
    private Span<byte> _buffer = initial;
    private int _length;

    internal readonly ReadOnlySpan<byte> Written => _buffer[.._length];

    /// <returns><c>false</c> if a covered component is not in the request, or is of a kind that AdCP's profile does not
    /// use.</returns>
    internal bool TryWrite(InboundRequest request, TargetUri target, ReadOnlySpan<char> parameters)
    {
        StructuredFieldReader reader = new(parameters);
        reader.TryTake('(');
        for (bool first = true; reader.TryNextInnerItem(first, out bool more); first = false)
        {
            if (!more)
            {
                Append("\"@signature-params\": ");
                Append(parameters);
                return true;
            }

            reader.TryItem(out _, out Range name);
            reader.TrySkipParameters(out bool any);
            if (any || !TryComponent(request, target, parameters[name]))
            {
                return false;
            }
        }

        return false;
    }

    public readonly void Dispose()
    {
        if (_rented is not null)
        {
            ArrayPool<byte>.Shared.Return(_rented);
        }
    }

    private bool TryComponent(InboundRequest request, TargetUri target, ReadOnlySpan<char> name)
    {
        Append("\"");
        Append(name);
        Append("\": ");
        switch (name)
        {
            case "@method":
                Append(request.Method);
                break;
            case "@target-uri":
                Append(target.Value);
                break;
            case "@authority":
                Append(target.Authority);
                break;
            case "content-type":
                return TryField(request.Header("content-type"));
            case "content-digest":
                return TryField(request.Header("content-digest"));
            default:
                // An additional derived component cannot be rebuilt; an additional header can.
                return !name.StartsWith('@') && TryField(request.Header(name.ToString()));
        }

        Append("\n");
        return true;
    }

    private bool TryField(string? value)
    {
        if (value is null || !Ascii.IsValid(value))
        {
            return false;
        }

        Append(value.AsSpan().Trim(" \t"));
        Append("\n");
        return true;
    }

    private void Append(ReadOnlySpan<char> text)
    {
        if (_buffer.Length - _length < text.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * _buffer.Length, _length + text.Length));
            Written.CopyTo(larger);
            Dispose();
            _buffer = _rented = larger;
        }

        _length += Encoding.ASCII.GetBytes(text, _buffer[_length..]);
    }
}
