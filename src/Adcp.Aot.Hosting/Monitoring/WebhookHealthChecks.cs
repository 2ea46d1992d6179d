using System.Globalization;
using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Adcp.Aot.Hosting;

/// <summary>Judges endpoints and audit records of an instance, in memory and of the outbox. Reads memory only.</summary>
internal sealed class DeliveryHealthCheck(IServiceProvider services, string name) : IHealthCheck
{
    private long _dropped;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        WebhookEngine engine = services.GetRequiredKeyedService<WebhookEngine>(name);
        HealthSettings limits = engine.Health;
        int known = engine.Supervisor.Endpoints.Count + (engine.Worker?.Endpoints.Count ?? 0);
        int open = engine.Supervisor.Endpoints.OpenCircuits + (engine.Worker?.Endpoints.OpenCircuits ?? 0);
        long dropped = engine.Supervisor.RecordsDropped + (engine.Worker?.RecordsDropped ?? 0);
        long before = Interlocked.Exchange(ref _dropped, dropped);
        Dictionary<string, object> data = new()
        {
            ["endpoints"] = known,
            ["open_circuits"] = open,
            ["in_flight"] = engine.Supervisor.InFlight + (engine.Worker?.InFlight ?? 0),
            ["audit_records_dropped"] = dropped,
            ["sink_failures"] = engine.Supervisor.SinkFailures + (engine.Worker?.SinkFailures ?? 0),
        };
        List<string> faults = [];
        if (known >= limits.MinEndpoints && open >= limits.DegradedOpenShare * known && open > 0)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture,
                $"{open} of {known} endpoints have an open circuit. If they are many, look at this machine's network."));
        }

        if (dropped > before)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture,
                $"{dropped - before} audit records were dropped since the last check. Look at the sink."));
        }

        return Task.FromResult(faults.Count == 0
            ? HealthCheckResult.Healthy(data: data)
            : HealthCheckResult.Degraded(string.Join(" ", faults), data: data));
    }
}

/// <summary>Judges whether a database can be reached, by the last reading of its monitor. Reads memory only.</summary>
internal sealed class StoreHealthCheck(IServiceProvider services, string key, string consequence) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        StoreMonitor monitor = services.GetRequiredKeyedService<StoreMonitor>(key);
        return Task.FromResult(monitor.HasNoDatabase
            ? HealthCheckResult.Healthy("Nothing is kept in a database.")
            : Readings.Judge(monitor, consequence) ?? HealthCheckResult.Healthy());
    }
}

/// <summary>Judges the readings of databases.</summary>
internal static class Readings
{
    /// <summary>
    /// Returns the result if there is no recent reading, or if it failed; <see langword="null"/> if the database was read.
    /// </summary>
    internal static HealthCheckResult? Judge(DatabaseMonitor monitor, string consequence) => monitor.Reading switch
    {
        null => HealthCheckResult.Degraded("The database was not read yet. The first reading follows the start of the host."),
        { Fault: { } fault } => HealthCheckResult.Unhealthy($"The database cannot be read ({fault}). {consequence}"),
        { IsRecent: false } => HealthCheckResult.Unhealthy(
            $"The database has not answered for {3 * DatabaseMonitor.Interval}. {consequence}"),
        _ => null,
    };
}

/// <summary>Judges the outbox of an instance by the monitor's last sample. Reads memory only.</summary>
internal sealed class OutboxHealthCheck(IServiceProvider services, string name) : IHealthCheck
{
    private readonly Lock _lock = new();
    private long? _dead;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        OutboxMonitor monitor = services.GetRequiredKeyedService<OutboxMonitor>(name);
        return Task.FromResult(
            Readings.Judge(monitor, "New webhooks cannot be kept.")
            ?? Judge(services.GetRequiredKeyedService<WebhookEngine>(name).Health, monitor.Last!));
    }

    /// <summary>Judges a sample, and compares its dead letters with those of the one before.</summary>
    internal HealthCheckResult Judge(HealthSettings limits, OutboxSample sample)
    {
        OutboxStatus status = sample.Status;
        Dictionary<string, object> data = new()
        {
            ["waiting"] = status.Waiting,
            ["parked"] = status.Parked,
            ["dead"] = status.Dead,
            ["oldest_due_seconds"] = (status.OldestDue ?? TimeSpan.Zero).TotalSeconds,
            ["workers"] = status.Workers,
            ["unowned_lanes"] = status.UnownedLanes,
        };
        long more;
        lock (_lock)
        {
            more = _dead is { } before ? status.Dead - before : 0;
            _dead = status.Dead;
        }

        List<string> faults = [];
        if (status.OldestDue >= limits.DegradedPastDue)
        {
            faults.Add($"The oldest webhook that is due has waited {status.OldestDue}. Look at the workers and their database.");
        }

        if (sample.LanesStayUnowned)
        {
            faults.Add($"{status.UnownedLanes} lanes have no living worker, and their webhooks wait. Start a worker.");
        }

        if (more > limits.AllowedNewDeadLetters)
        {
            faults.Add($"{more} webhooks became dead letters since the last check. List them by their reason.");
        }

        string text = string.Join(" ", faults);
        return faults.Count == 0 ? HealthCheckResult.Healthy(data: data)
            : status.OldestDue >= limits.UnhealthyPastDue ? HealthCheckResult.Unhealthy(text, data: data)
            : HealthCheckResult.Degraded(text, data: data);
    }
}
