using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Notices changed settings while the host runs. The parts that can be changed are taken over. Any other change, and settings with faults,
/// are logged and change nothing.
/// </summary>
internal sealed partial class SettingsWatch : IDisposable
{
    private readonly IConfiguration _configuration;
    private readonly IReadOnlyList<string> _sections;
    private readonly string[] _parts;
    private readonly Func<Action<string>> _read;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly IDisposable _changes;
    private IReadOnlyDictionary<string, string?> _seen;

    /// <summary>Begins to watch.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="sections">The sections that were bound.</param>
    /// <param name="bound">Their values when they were bound, so that a change since then is noticed too.</param>
    /// <param name="parts">The parts that are taken over, such as <c>Retry</c>.</param>
    /// <param name="read">
    /// Reads the settings again, and returns the function that takes a part over. Throws <see cref="OptionsValidationException"/> if they
    /// have faults.
    /// </param>
    /// <param name="logger">The log.</param>
    internal SettingsWatch(
        IConfiguration configuration, IReadOnlyList<string> sections, IReadOnlyDictionary<string, string?> bound, string[] parts,
        Func<Action<string>> read, ILogger logger)
    {
        _configuration = configuration;
        _sections = sections;
        _seen = bound;
        _parts = parts;
        _read = read;
        _logger = logger;
        _changes = ChangeToken.OnChange(configuration.GetReloadToken, Changed);
        Changed();
    }

    public void Dispose() => _changes.Dispose();

    /// <summary>Returns the values of sections by their paths.</summary>
    internal static Dictionary<string, string?> ValuesOf(IConfiguration configuration, IEnumerable<string> sections)
    {
        Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase);
        foreach (string section in sections)
        {
            foreach ((string key, string? value) in configuration.GetSection(section).AsEnumerable())
            {
                values[key] = value;
            }
        }

        return values;
    }

    private void Changed()
    {
        // An exception would end in the provider of the configuration, which cannot handle it.
        try
        {
            lock (_lock)
            {
                Dictionary<string, string?> now = ValuesOf(_configuration, _sections);
                string[] changed = [.. now.Keys.Union(_seen.Keys, StringComparer.OrdinalIgnoreCase)
                    .Where(key => now.GetValueOrDefault(key) != _seen.GetValueOrDefault(key)).Order(StringComparer.Ordinal)];
                if (changed.Length == 0)
                {
                    return;
                }

                Action<string> takeOver = _read();

                // Only now: settings with faults are not taken over, so the next change is compared with the ones before them.
                _seen = now;
                string[] applied = [.. changed.Where(key => Array.Exists(_parts, part => IsIn(key, part)))];
                foreach (string part in _parts.Where(part => applied.Any(key => IsIn(key, part))))
                {
                    takeOver(part);
                }

                if (applied.Length > 0)
                {
                    LogApplied(_logger, string.Join(", ", applied));
                }

                string[] others = [.. changed.Except(applied, StringComparer.OrdinalIgnoreCase)];
                if (others.Length > 0)
                {
                    LogRefused(_logger, string.Join(", ", others));
                }
            }
        }
        catch (OptionsValidationException fault)
        {
            LogFaults(_logger, string.Join(" ", fault.Failures));
        }
        catch (Exception fault)
        {
            LogFailed(_logger, fault);
        }
    }

    /// <summary>Returns whether a key is a part of the settings, or in it.</summary>
    private bool IsIn(string key, string part) =>
        _sections.Any(section => $"{key}:".StartsWith($"{section}:{part}:", StringComparison.OrdinalIgnoreCase));

    [LoggerMessage(HostingEventIds.SettingsApplied, LogLevel.Information,
        "Settings were changed and hold for deliveries from now on: {Settings}.")]
    private static partial void LogApplied(ILogger logger, string settings);

    [LoggerMessage(HostingEventIds.SettingsRefused, LogLevel.Warning,
        "Settings were changed that are read only when the host starts: {Settings}. Restart the process to apply them.")]
    private static partial void LogRefused(ILogger logger, string settings);

    [LoggerMessage(HostingEventIds.SettingsFaulty, LogLevel.Error,
        "Settings were changed and have faults, so the earlier ones stay: {Faults}")]
    private static partial void LogFaults(ILogger logger, string faults);

    [LoggerMessage(HostingEventIds.ReloadFailed, LogLevel.Error, "Changed settings could not be read. The earlier ones stay.")]
    private static partial void LogFailed(ILogger logger, Exception fault);
}
