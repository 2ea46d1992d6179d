using Adcp.Aot.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.Hosting;

/// <summary>
/// The parts of an instance's settings that are taken over while the host runs: retry policies, the policy of circuits and the thresholds
/// of health checks. Options that code sets win, as at the start.
/// </summary>
internal static class WebhookReload
{
    private const string Retry = "Retry";
    private const string OutboxRetry = "Outbox:Retry";
    private const string Circuit = "Circuit";
    private const string Health = "Health";

    internal static SettingsWatch? Watch(IServiceProvider services, WebhookEngine engine, ILogger logger)
    {
        List<string> sections = services.GetRequiredKeyedService<WebhookRegistration>(engine.Name).Sections;
        if (services.GetService<IConfiguration>() is not { } configuration || sections.Count == 0)
        {
            return null;
        }

        return new SettingsWatch(
            configuration, sections, engine.Settings.Bound.Values, [Retry, OutboxRetry, Circuit, Health],
            () =>
            {
                AdcpWebhookSettings settings = services.GetRequiredService<IOptionsFactory<AdcpWebhookSettings>>().Create(engine.Name);
                (WebhookSupervisorOptions memory, OutboxWorkerOptions? outbox) = engine.OptionsOf(settings);
                return part => TakeOver(part, engine, settings, memory, outbox);
            },
            logger);
    }

    private static void TakeOver(
        string part, WebhookEngine engine, AdcpWebhookSettings settings, WebhookSupervisorOptions memory, OutboxWorkerOptions? outbox)
    {
        switch (part)
        {
            case Retry:
                engine.Supervisor.Retry = memory.Retry;
                break;
            case OutboxRetry when outbox is not null:
                engine.Worker!.Retry = outbox.Attempts.Retry;
                break;
            case Circuit:
                engine.Supervisor.Endpoints.Policy = memory.Circuit;
                if (outbox is not null)
                {
                    engine.Worker!.Endpoints.Policy = outbox.Attempts.Circuit;
                }

                break;
            case Health:
                engine.Health = settings.Health;
                break;
        }
    }
}
