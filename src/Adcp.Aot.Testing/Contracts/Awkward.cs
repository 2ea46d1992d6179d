namespace Adcp.Aot.Testing;

/// <summary>Texts that break a careless store.</summary>
internal static class Awkward
{
    /// <summary>Gets names that a careless statement, comparison or encoding would mix up.</summary>
    internal static IReadOnlyList<string> Names { get; } =
    [
        "' OR '1'='1", "'; DROP TABLE a2a_tasks; --", "\" OR \"\"=\"", "` OR 1=1 -- ", "\\", "\\'", "%", "_", "*", "@scope", "$1",
        "?", ":p", "/* */", "{0}", "NULL", "0", " ", "a ", " a", "ALICE", "älice",
        "a\u0308lice", "alice\u200b", "名前", "😀", "aſ", "ß", "(anonymous)", new string('x', 255),
    ];

    /// <summary>Gets ids that no task and no configuration can have.</summary>
    internal static IReadOnlyList<string> Impossible { get; } = ["", "a\0b", "a\nb", "\ud800", new string('x', 513)];
}
