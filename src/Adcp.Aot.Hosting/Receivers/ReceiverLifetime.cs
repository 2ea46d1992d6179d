using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Creates the tables of a receiver before other services start. While the host runs, it logs changed settings, which need a restart.
/// </summary>
internal sealed class ReceiverLifetime(IServiceProvider services, string name) : IHostedLifecycleService, IDisposable
{
    private SettingsWatch? _watch;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        AdcpWebhookReceiver receiver = services.GetRequiredKeyedService<AdcpWebhookReceiver>(name);
        foreach (IStoreTables tables in receiver.CreatesTables ? receiver.Tables : [])
        {
            await tables.CreateIfAbsentAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        List<string> sections = services.GetRequiredKeyedService<ReceiverRegistration>(name).Sections;
        if (services.GetService<IConfiguration>() is { } configuration && sections.Count > 0)
        {
            BoundSections bound = services.GetRequiredService<IOptionsMonitor<AdcpReceiverSettings>>().Get(name).Bound;
            ILogger logger = GuardedLogger.Of(services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Hosting"));
            _watch = new SettingsWatch(configuration, sections, bound.Values, parts: [], Check, logger);
        }

        return Task.CompletedTask;

        Action<string> Check()
        {
            services.GetRequiredService<IOptionsFactory<AdcpReceiverSettings>>().Create(name);
            return static _ => { };
        }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _watch?.Dispose();
}

/// <summary>Fills the settings of a receiver from its sections.</summary>
internal sealed class BindReceiverSettings(string name, ReceiverRegistration registration, IConfiguration? configuration)
    : IPostConfigureOptions<AdcpReceiverSettings>
{
    public void PostConfigure(string? options, AdcpReceiverSettings settings)
    {
        if (options != name)
        {
            return;
        }

        if (configuration is not null)
        {
            settings.Bound.Values = SettingsWatch.ValuesOf(configuration, registration.Sections);
        }

        foreach (string section in registration.Sections)
        {
            if (configuration is null)
            {
                settings.Bound.Add(section, [$"{section}: the container has no IConfiguration to read it from."]);
            }
            else
            {
                SettingsReader.Read(
                    configuration.GetSection(section), settings, settings.Bound, static (from, to) => from.Bind(to), settings.Lists);
            }
        }
    }
}

/// <summary>Lists every fault of the settings of a receiver.</summary>
internal sealed class ValidateReceiverSettings(string name, ReceiverRegistration registration, SettingsSource source)
    : IValidateOptions<AdcpReceiverSettings>
{
    public ValidateOptionsResult Validate(string? options, AdcpReceiverSettings settings)
    {
        if (options != name)
        {
            return ValidateOptionsResult.Skip;
        }

        SettingFaults faults = new(settings.Bound.Root);
        ReceiverParts.Check(settings, registration, source, faults);
        return faults.All.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults.All);
    }
}
