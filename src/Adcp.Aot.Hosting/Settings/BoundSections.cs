namespace Adcp.Aot.Hosting;

/// <summary>The sections of the configuration that a settings object was read from, and the faults that its types cannot hold.</summary>
internal sealed class BoundSections
{
    /// <summary>Gets the path of the first section; empty if the settings come from code.</summary>
    internal string Root { get; private set; } = "";

    /// <summary>Gets the texts that do not fit their member, and names that are no member, each with its path.</summary>
    internal List<string> Faults { get; } = [];

    /// <summary>Gets or sets the values of the sections when they were bound, by their paths.</summary>
    internal IReadOnlyDictionary<string, string?> Values { get; set; } = new Dictionary<string, string?>();

    internal void Add(string path, IEnumerable<string> faults)
    {
        Root = Root.Length == 0 ? path : Root;
        Faults.AddRange(faults);
    }
}
