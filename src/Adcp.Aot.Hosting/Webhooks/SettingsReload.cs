using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Takes over changed settings while the host runs if that is safe, which is the retry policy of deliveries from memory. Any other change,
/// and settings with faults, are logged and change nothing.
/// </summary>
internal sealed partial class SettingsReload(IServiceProvider services, string name)
{
    private readonly Lock _lock = new();
    private Dictionary<string, string?> _seen = [];

    internal IDisposable? Watch(WebhookEngine engine, ILogger logger)
    {
        WebhookRegistration registration = services.GetRequiredKeyedService<WebhookRegistration>(name);
        if (services.GetService<IConfiguration>() is not { } configuration || registration.Sections.Count == 0)
        {
            return null;
        }

        _seen = Read(configuration, registration);
        return ChangeToken.OnChange(configuration.GetReloadToken, () => Changed(configuration, registration, engine, logger));
    }

    private static Dictionary<string, string?> Read(IConfiguration configuration, WebhookRegistration registration)
    {
        Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase);
        foreach (string section in registration.Sections)
        {
            foreach ((string key, string? value) in configuration.GetSection(section).AsEnumerable())
            {
                values[key] = value;
            }
        }

        return values;
    }

    private void Changed(IConfiguration configuration, WebhookRegistration registration, WebhookEngine engine, ILogger logger)
    {
        // An exception would end in the provider of the configuration, which cannot handle it.
        try
        {
            lock (_lock)
            {
                Dictionary<string, string?> now = Read(configuration, registration);
                string[] changed = [.. now.Keys.Union(_seen.Keys, StringComparer.OrdinalIgnoreCase)
                    .Where(key => now.GetValueOrDefault(key) != _seen.GetValueOrDefault(key)).Order(StringComparer.Ordinal)];
                if (changed.Length == 0)
                {
                    return;
                }

                _seen = now;
                AdcpWebhookSettings settings = services.GetRequiredService<IOptionsFactory<AdcpWebhookSettings>>().Create(name);
                SettingFaults none = new("");
                RetryPolicy retry = WebhookPlan.RetryOf(RetryPolicy.Default, settings.Retry, "Retry", none);
                if (retry != engine.Supervisor.Retry && changed.Any(key => IsRetry(key, registration)))
                {
                    engine.Supervisor.Retry = retry;
                    LogApplied(logger, string.Join(", ", changed.Where(key => IsRetry(key, registration))));
                }

                string[] others = [.. changed.Where(key => !IsRetry(key, registration))];
                if (others.Length > 0)
                {
                    LogRefused(logger, string.Join(", ", others));
                }
            }
        }
        catch (OptionsValidationException fault)
        {
            LogFaults(logger, string.Join(" ", fault.Failures));
        }
        catch (Exception fault)
        {
            LogFailed(logger, fault);
        }
    }

    private static bool IsRetry(string key, WebhookRegistration registration) =>
        registration.Sections.Exists(section => key.StartsWith(section + ":Retry", StringComparison.OrdinalIgnoreCase));

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
