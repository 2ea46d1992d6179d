using System.Diagnostics.Metrics;
using Adcp.Aot.Resilience;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/operations.md.</summary>
internal static class OperationsDocs
{
    public static MeterListener Listen()
    {
        // snippet: meter-listener
        MeterListener listener = new();
        listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Adcp.Aot")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>(static (instrument, value, tags, _) =>
            Console.WriteLine($"{instrument.Name} +{value} {string.Join(' ', tags.ToArray())}"));
        listener.Start();
        // end
        return listener;
    }

    public static async Task DrainAsync(InMemoryWebhookDeliverySupervisor webhooks, ILogger logger)
    {
        // snippet: drain
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(20));
        DrainReport report = await webhooks.DrainAsync(patience.Token);
        logger.LogInformation("Finished {Finished}, cut short {CutShort}", report.Finished, report.CutShort);
        // end
    }

    public static void Telemetry(IHostApplicationBuilder builder)
    {
        // snippet: opentelemetry
        builder.Services.AddOpenTelemetry()
            .WithMetrics(static metrics => metrics.AddAdcpInstrumentation())
            .WithTracing(static tracing => tracing.AddAdcpInstrumentation());
        // end
    }

    // snippet: health-check
    internal sealed class WebhookHealth(InMemoryWebhookDeliverySupervisor webhooks) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            int open = webhooks.Endpoints.Snapshot().Count(static endpoint => endpoint.State == CircuitState.Open);
            Dictionary<string, object> data = new()
            {
                ["in_flight"] = webhooks.InFlight,
                ["open_circuits"] = open,
                ["records_dropped"] = webhooks.RecordsDropped,
                ["sink_failures"] = webhooks.SinkFailures,
            };
            return Task.FromResult(webhooks.RecordsDropped > 0
                ? HealthCheckResult.Degraded("Audit records were dropped.", data: data)
                : HealthCheckResult.Healthy(data: data));
        }
    }
    // end
}
