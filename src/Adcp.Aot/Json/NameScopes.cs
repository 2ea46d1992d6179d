using System.Buffers;
using System.Text.Json;

namespace Adcp.Aot.Json;

/// <summary>
/// The member names of the objects that are open while a JSON text is read. When an object closes, its names are
/// compared: pair by pair if they are few, sorted by hash if they are many, so that no object costs more than n log n.
/// Allocates nothing for texts of ordinary size.
/// </summary>
internal ref struct NameScopes
{
    private const int FewNames = 16;

    private readonly ReadOnlySpan<byte> _json;
    private readonly Span<int> _scopes;
    private Span<Name> _names;
    private Name[]? _rentedNames;
    private byte[]? _unescaped;
    private int _unescapedLength;
    private int _count;
    private int _depth;

    internal NameScopes(ReadOnlySpan<byte> json, Span<Name> names, Span<int> scopes)
    {
        _json = json;
        _names = names;
        _scopes = scopes;
    }

    internal void Open() => _scopes[_depth++] = _count;

    /// <returns><c>false</c> if two names of the object are the same.</returns>
    internal bool TryClose()
    {
        int start = _scopes[--_depth];
        Span<Name> names = _names[start.._count];
        _count = start;
        return names.Length <= FewNames ? AllDiffer(names) : AllDifferSorted(names);
    }

    internal void Add(scoped in Utf8JsonReader reader)
    {
        if (reader.ValueIsEscaped)
        {
            int length = Unescape(in reader);
            Add(~_unescapedLength, length);
            _unescapedLength += length;
        }
        else
        {
            Add((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
        }
    }

    /// <param name="start">See <see cref="Name.Start"/>.</param>
    /// <param name="length">The length in bytes.</param>
    internal void Add(int start, int length)
    {
        if (_count == _names.Length)
        {
            Name[] larger = ArrayPool<Name>.Shared.Rent(2 * _count);
            _names.CopyTo(larger);
            Return(_rentedNames);
            _names = _rentedNames = larger;
        }

        _names[_count++] = new Name { Start = start, Length = length };
    }

    /// <summary>Reads a string that is not kept.</summary>
    /// <exception cref="InvalidOperationException">It holds a lone surrogate.</exception>
    internal int Unescape(scoped in Utf8JsonReader reader)
    {
        int needed = _unescapedLength + reader.ValueSpan.Length;
        if (_unescaped is null || _unescaped.Length < needed)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, 2 * _unescapedLength));
            _unescaped.AsSpan(0, _unescapedLength).CopyTo(larger);
            Return(_unescaped);
            _unescaped = larger;
        }

        return reader.CopyString(_unescaped.AsSpan(_unescapedLength));
    }

    public readonly void Dispose()
    {
        Return(_rentedNames);
        Return(_unescaped);
    }

    private static void Return<T>(T[]? rented)
    {
        if (rented is not null)
        {
            ArrayPool<T>.Shared.Return(rented);
        }
    }

    private readonly ReadOnlySpan<byte> Text(in Name name) =>
        name.Start < 0 ? _unescaped.AsSpan(~name.Start, name.Length) : _json.Slice(name.Start, name.Length);

    private readonly bool AllDiffer(ReadOnlySpan<Name> names)
    {
        for (int i = 1; i < names.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (names[i].Length == names[j].Length && Text(names[i]).SequenceEqual(Text(names[j])))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private readonly bool AllDifferSorted(Span<Name> names)
    {
        // Sorted by a hash that differs from process to process, so that an attacker cannot write many names of one
        // hash. Names of the same hash are compared in a second pass.
        foreach (ref Name name in names)
        {
            HashCode hash = default;
            hash.AddBytes(Text(name));
            name.Hash = hash.ToHashCode();
        }

        names.Sort(static (one, other) => one.Hash.CompareTo(other.Hash));
        for (int start = 0; start < names.Length;)
        {
            int end = start + 1;
            while (end < names.Length && names[end].Hash == names[start].Hash)
            {
                // The same hash and the same name as the run's first: a duplicate. A run of different names is almost
                // never longer than two.
                if (Text(names[end]).SequenceEqual(Text(names[start])))
                {
                    return false;
                }

                end++;
            }

            if (end - start > 2 && !AllDiffer(names[(start + 1)..end]))
            {
                return false;
            }

            start = end;
        }

        return true;
    }

    internal struct Name
    {
        /// <summary>
        /// The position of the text in the JSON, or the complement of its position among the unescaped ones.
        /// </summary>
        internal int Start;
        internal int Length;

        /// <summary>The hash of the text; computed only if names are sorted.</summary>
        internal int Hash;
    }
}
