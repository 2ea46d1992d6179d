using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Reads a section of the configuration into settings by the generated binder, and finds every fault: texts that cannot be converted, and
/// names that are no member.
/// </summary>
/// <remarks>
/// The binder stops at the first text that it cannot convert, and ignores names that it does not know. So it is given a view of the
/// section that notes each key that is asked for. If the binder throws, the key that was read last is at fault: it is noted, hidden,
/// and the section is read again. Keys of the section that were never asked for are no members, also if they have no value. The binder adds
/// items to a list, so that a list is emptied before a section that has it is read.
/// </remarks>
internal sealed class SettingsReader
{
    private static readonly Dictionary<string, string> Versions = new(StringComparer.OrdinalIgnoreCase)
    {
        ["3.0"] = nameof(AdcpVersion.V30),
        ["3.1"] = nameof(AdcpVersion.V31),
        ["3.2"] = nameof(AdcpVersion.V32),
    };

    private static readonly string[] Dialects =
    [
        nameof(Storage.SqlDialect.Sqlite), nameof(Storage.SqlDialect.PostgreSql), nameof(Storage.SqlDialect.MySql),
    ];

    private readonly Dictionary<string, HashSet<string>> _known = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _hidden = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _read = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> _faults = [];
    private string? _last;

    /// <summary>Reads a section.</summary>
    /// <param name="section">The section.</param>
    /// <param name="settings">The settings to fill.</param>
    /// <param name="bound">Receives the section's path and the faults.</param>
    /// <param name="bind">The generated binder of the type.</param>
    /// <param name="lists">The lists of the settings, each with its path and the action that empties it.</param>
    internal static void Read<T>(
        IConfigurationSection section, T settings, BoundSections bound, Action<IConfiguration, T> bind,
        IEnumerable<(string Path, Action Clear)> lists)
        where T : new()
    {
        foreach ((string path, Action clear) in lists)
        {
            if (section.GetSection(path).Exists())
            {
                clear();
            }
        }

        SettingsReader reader = new();
        reader.Bind(section, settings, bind);
        bound.Add(section.Path, reader._faults);
    }

    private void Bind<T>(IConfigurationSection section, T settings, Action<IConfiguration, T> bind)
        where T : new()
    {
        while (true)
        {
            _last = null;
            try
            {
                // Into an object of its own: a list would keep the items of a reading that failed.
                bind(new View(this, section), new T());
                break;
            }
            catch (InvalidOperationException fault) when (_last is { } path && _hidden.Add(path))
            {
                _faults.Add($"{path}: '{section.GetValueOf(path)}' cannot be read{Reason(fault)}.");
            }
        }

        bind(new View(this, section), settings);
        foreach (IConfigurationSection leaf in Leaves(section))
        {
            if (!_read.Contains(leaf.Path) && (!string.IsNullOrEmpty(leaf.Value) || !IsMember(leaf)))
            {
                _faults.Add(Unknown(leaf.Path, section.Path));
            }
        }
    }

    private static string Reason(InvalidOperationException fault)
    {
        const string Marker = "to type '";
        int at = fault.Message.IndexOf(Marker, StringComparison.Ordinal);
        string type = at < 0 ? "" : fault.Message[(at + Marker.Length)..].TrimEnd('.', '\'');
        return type switch
        {
            "System.Int32" or "System.Int64" => " as a whole number",
            "System.Double" => " as a number",
            "System.Boolean" => ": it is true or false",
            "System.TimeSpan" => ": a time has the form hours:minutes:seconds, such as 00:00:30",
            _ => "",
        };
    }

    /// <summary>Returns the keys below a section that have a value, or nothing below them.</summary>
    private static IEnumerable<IConfigurationSection> Leaves(IConfigurationSection section)
    {
        foreach (IConfigurationSection child in section.GetChildren())
        {
            bool hasChildren = false;
            foreach (IConfigurationSection leaf in Leaves(child))
            {
                hasChildren = true;
                yield return leaf;
            }

            if (!hasChildren || !string.IsNullOrEmpty(child.Value))
            {
                yield return child;
            }
        }
    }

    /// <summary>Returns whether a key is a member that has no value, such as an empty section, or an empty item of a list.</summary>
    private bool IsMember(IConfigurationSection leaf)
    {
        int end = leaf.Path.LastIndexOf(':');
        string parent = leaf.Path[..end];
        return (_known.TryGetValue(parent, out HashSet<string>? names) && names.Contains(leaf.Key))
            || (int.TryParse(leaf.Key, out _) && parent.LastIndexOf(':') is var above and > 0
                && _known.TryGetValue(parent[..above], out HashSet<string>? lists) && lists.Contains(parent[(above + 1)..]));
    }

    private string Unknown(string path, string root)
    {
        // The first part that is no member: below it everything is unknown.
        string[] parts = path[(root.Length + 1)..].Split(':');
        string parent = root;
        foreach (string part in parts)
        {
            bool isIndex = int.TryParse(part, out _);
            if (!_known.TryGetValue(parent, out HashSet<string>? names) && !isIndex)
            {
                break;
            }

            if (!isIndex && !names!.Contains(part))
            {
                return $"{path}: '{part}' is no setting of {parent}, which has {string.Join(", ", names.Order(StringComparer.Ordinal))}.";
            }

            parent = $"{parent}:{part}";
        }

        return $"{path}: this is no setting.";
    }

    private void Note(string parent, string key)
    {
        if (!_known.TryGetValue(parent, out HashSet<string>? names))
        {
            _known.Add(parent, names = new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        }

        names.Add(key);
    }

    /// <summary>Returns the text of a key as the binder understands it, or null if it is hidden.</summary>
    private string? Take(string path, string? text)
    {
        _read.Add(path);
        if (text is null || _hidden.Contains(path))
        {
            return null;
        }

        string name = path[(path.LastIndexOf(':') + 1)..];
        if (name.Equals(nameof(AdcpWebhookSettings.Version), StringComparison.OrdinalIgnoreCase))
        {
            return Versions.TryGetValue(text, out string? version) ? version
                : Versions.ContainsValue(text) ? text
                : Refuse(path, $"'{text}' is no version of AdCP: {string.Join(", ", Versions.Keys)}.");
        }

        if (name.Equals(nameof(DatabaseSettings.Dialect), StringComparison.OrdinalIgnoreCase))
        {
            return Dialects.Contains(text, StringComparer.OrdinalIgnoreCase)
                ? text
                : Refuse(path, $"'{text}' is no dialect: {string.Join(", ", Dialects)}.");
        }

        _last = path;
        return text;
    }

    private string? Refuse(string path, string rule)
    {
        if (_hidden.Add(path))
        {
            _faults.Add($"{path}: {rule}");
        }

        return null;
    }

    /// <summary>A section whose keys are noted when the binder asks for them.</summary>
    private sealed class View(SettingsReader reader, IConfigurationSection inner) : IConfigurationSection
    {
        public string Key => inner.Key;

        public string Path => inner.Path;

        public string? Value { get => reader.Take(inner.Path, inner.Value); set => throw new NotSupportedException(); }

        public string? this[string key]
        {
            get
            {
                reader.Note(inner.Path, key);
                return reader.Take(ConfigurationPath.Combine(inner.Path, key), inner[key]);
            }
            set => throw new NotSupportedException();
        }

        public IConfigurationSection GetSection(string key)
        {
            reader.Note(inner.Path, key);
            return new View(reader, inner.GetSection(key));
        }

        public IEnumerable<IConfigurationSection> GetChildren() =>
            inner.GetChildren().Select(child => (IConfigurationSection)new View(reader, child));

        public IChangeToken GetReloadToken() => inner.GetReloadToken();
    }
}

/// <summary>Reads keys of a section by their full path.</summary>
internal static class SectionPaths
{
    internal static string? GetValueOf(this IConfigurationSection section, string path) =>
        path.Length > section.Path.Length ? section[path[(section.Path.Length + 1)..]] : section.Value;
}
