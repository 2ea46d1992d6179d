using System.Buffers;

namespace Adcp.Aot.Storage;

/// <summary>The names of an outbox's tables: one prefix, with a schema before it if the tables are in one.</summary>
internal sealed class OutboxTables
{
    internal const string DefaultPrefix = "adcp_outbox_";

    private const int MaxPartLength = 40;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_");

    /// <exception cref="ArgumentException">The prefix breaks its rule.</exception>
    internal OutboxTables(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        string[] parts = prefix.Split('.');
        if (parts.Length > 2 || !Array.TrueForAll(parts, IsName))
        {
            throw new ArgumentException(
                $"A table prefix is 'prefix' or 'schema.prefix', each 1 to {MaxPartLength} of a-z 0-9 _ and not a digit first.",
                nameof(prefix));
        }

        Prefix = prefix;
    }

    internal string Prefix { get; }

    internal string Meta => Prefix + "meta";

    internal string Worker => Prefix + "worker";

    internal string Lane => Prefix + "lane";

    internal string Log => Prefix + "log";

    internal string Parked => Prefix + "parked";

    internal string Dead => Prefix + "dead";

    internal string Binding => Prefix + "binding";

    internal string Stream => Prefix + "stream";

    internal string Switch => Prefix + "switch";

    /// <summary>Returns a name for an index or constraint, which has no schema.</summary>
    internal string Index(string suffix) => Prefix[(Prefix.IndexOf('.', StringComparison.Ordinal) + 1)..] + suffix;

    private static bool IsName(string part) =>
        part.Length is >= 1 and <= MaxPartLength && !part.AsSpan().ContainsAnyExcept(NameCharacters) && !char.IsAsciiDigit(part[0]);
}
