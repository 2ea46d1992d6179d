using Adcp.Aot.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Takes over changed settings while the host runs if that is safe: retry policies, the policy of circuits and the thresholds of health
/// checks. Any other change, and settings with faults, are logged and change nothing.
/// </summary>
internal sealed partial class SettingsReload(IServiceProvider services, string name)
{
    private const string Retry = "Retry";
    private const string OutboxRetry = "Outbox:Retry";
    private const string Circuit = "Circuit";
    private const string Health = "Health";

    /// <summary>The parts of the settings that are taken over.</summary>
    private static readonly string[] Parts = [Retry, OutboxRetry, Circuit, Health];

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

                AdcpWebhookSettings settings = services.GetRequiredService<IOptionsFactory<AdcpWebhookSettings>>().Create(name);

                // Only now: settings with faults are not taken over, so the next change is compared with the ones before them.
                _seen = now;
                string[] applied = [.. changed.Where(key => IsReloadable(key, registration))];
                foreach (string part in Parts.Where(part => applied.Any(key => IsIn(key, part, registration))))
                {
                    Apply(part, settings, engine);
                }

                if (applied.Length > 0)
                {
                    LogApplied(logger, string.Join(", ", applied));
                }

                string[] others = [.. changed.Except(applied, StringComparer.OrdinalIgnoreCase)];
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

    private static bool IsReloadable(string key, WebhookRegistration registration) =>
        Array.Exists(Parts, part => IsIn(key, part, registration));

    /// <summary>Returns whether a key is a part of the settings, or in it.</summary>
    private static bool IsIn(string key, string part, WebhookRegistration registration) =>
        registration.Sections.Exists(section => $"{key}:".StartsWith($"{section}:{part}:", StringComparison.OrdinalIgnoreCase));

    private static void Apply(string part, AdcpWebhookSettings settings, WebhookEngine engine)
    {
        // The settings are validated, so that no fault is found here.
        SettingFaults none = new("");
        switch (part)
        {
            case Retry:
                engine.Supervisor.Retry = WebhookPlan.RetryOf(RetryPolicy.Default, settings.Retry, Retry, none);
                break;
            case OutboxRetry when engine.Worker is { } worker:
                worker.Retry = WebhookPlan.RetryOf(OutboxWorkerOptions.DefaultRetry, settings.Outbox.Retry, OutboxRetry, none);
                break;
            case Circuit:
                CircuitBreakerPolicy policy = WebhookPlan.CircuitOf(settings.Circuit, none);
                engine.Supervisor.Endpoints.Policy = policy;
                if (engine.Worker is not null)
                {
                    engine.Worker.Endpoints.Policy = policy;
                }

                break;
            case Health:
                engine.Health = settings.Health;
                break;
        }
    }

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
