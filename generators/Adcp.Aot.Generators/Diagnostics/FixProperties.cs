using System.Collections.Immutable;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>The properties of a diagnostic for its code fix.</summary>
internal static class FixProperties
{
    /// <summary>The right text for the string literal.</summary>
    public const string Replacement = "replacement";

    /// <summary>The method that is missing.</summary>
    public const string Member = "member";

    /// <summary>The right dialect.</summary>
    public const string Dialect = "dialect";

    public static ImmutableDictionary<string, string?> SetDialect(string dialect) =>
        ImmutableDictionary<string, string?>.Empty.Add(Dialect, dialect);

    public static ImmutableDictionary<string, string?> Replace(string replacement) =>
        ImmutableDictionary<string, string?>.Empty.Add(Replacement, replacement);
}
