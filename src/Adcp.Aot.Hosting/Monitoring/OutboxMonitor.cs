using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>Reads the state of an instance's outbox for its health check and for the meter.</summary>
internal sealed partial class OutboxMonitor(IServiceProvider services, string name) : DatabaseMonitor(services)
{
    private readonly IServiceProvider _services = services;
    private OutboxSample? _last;

    internal string Name => name;

    /// <summary>Gets the last state that could be read; <see langword="null"/> before the first one.</summary>
    internal OutboxSample? Last => Volatile.Read(ref _last);

    private WebhookEngine Engine => _services.GetRequiredKeyedService<WebhookEngine>(name);

    protected override bool HasDatabase() => Engine.Outbox is not null;

    protected override bool IsNeeded() =>
        _services.GetRequiredKeyedService<WebhookRegistration>(name).HasHealthChecks || HostingMeter.IsOn;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        HostingMeter.Observe(this);
        try
        {
            await base.ExecuteAsync(stoppingToken).ConfigureAwait(false);
        }
        finally
        {
            HostingMeter.Forget(this);
        }
    }

    protected override async ValueTask ReadAsync(CancellationToken cancellationToken)
    {
        WebhookEngine engine = Engine;
        OutboxStatus status = engine.Worker is { } worker
            ? await worker.GetStatusAsync(cancellationToken).ConfigureAwait(false)
            : await engine.Outbox!.GetStatusAsync(cancellationToken).ConfigureAwait(false);
        Volatile.Write(
            ref _last,
            new OutboxSample(status, Last?.Status.UnownedLanes > 0 && status.UnownedLanes > 0, IsOfWorker: engine.Worker is not null));
    }

    protected override void LogFault(Exception fault) => LogUnreadable(Logger, fault, name);

    [LoggerMessage(HostingEventIds.OutboxUnreadable, LogLevel.Warning,
        "The state of the outbox '{Instance}' cannot be read. Check its database. This line is written once until it can be read again.")]
    private static partial void LogUnreadable(ILogger logger, Exception fault, string instance);
}

/// <summary>The state of an outbox at a moment.</summary>
/// <param name="Status">The state.</param>
/// <param name="LanesStayUnowned">Whether lanes had no owner in this sample and the one before.</param>
/// <param name="IsOfWorker">Whether the state has the figures of this process's worker, and not those of all workers.</param>
internal sealed record OutboxSample(OutboxStatus Status, bool LanesStayUnowned, bool IsOfWorker = true);
