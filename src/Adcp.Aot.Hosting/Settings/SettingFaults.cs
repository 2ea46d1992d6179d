namespace Adcp.Aot.Hosting;

/// <summary>
/// Collects the faults of settings. The rules are those of the options that the settings become: each one is tried, and its exception is
/// a fault.
/// </summary>
internal sealed class SettingFaults(string root)
{
    internal List<string> All { get; } = [];

    internal void Add(string member, string rule) => All.Add($"{PathOf(member)}: {rule}");

    /// <summary>Returns the full path of a member, such as <c>Adcp:Retry:MaxAttempts</c>.</summary>
    internal string PathOf(string member) => root.Length == 0 ? member : $"{root}:{member}";

    /// <summary>Returns the options with a setting, or unchanged if it is not set or breaks a rule.</summary>
    internal TOptions Set<TOptions, T>(TOptions options, string member, T? value, Func<TOptions, T, TOptions> with)
        where T : struct => value is { } given ? Try(member, () => with(options, given), options) : options;

    /// <inheritdoc cref="Set{TOptions,T}(TOptions,string,T?,Func{TOptions,T,TOptions})"/>
    internal TOptions Set<TOptions>(TOptions options, string member, string? value, Func<TOptions, string, TOptions> with) =>
        value is { } given ? Try(member, () => with(options, given), options) : options;

    /// <summary>Returns a result, or another one if it breaks a rule.</summary>
    internal T Try<T>(string member, Func<T> make, T otherwise)
    {
        try
        {
            return make();
        }
        catch (Exception fault) when (fault is ArgumentException or IOException or UnauthorizedAccessException or FormatException
            or System.Security.Cryptography.CryptographicException)
        {
            Add(member, TextOf(fault));
            return otherwise;
        }
    }

    /// <summary>Returns the sentence of an exception, without the name of the parameter that .NET adds.</summary>
    private static string TextOf(Exception fault)
    {
        string line = fault.Message.Split('\n')[0].TrimEnd('\r');
        int parameter = line.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        return parameter > 0 ? line[..parameter] : line;
    }
}
