using System.Data.Common;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Reads the state of an instance's outbox every ten seconds while a health check or a listener of the meter needs it, so that
/// neither waits for the database.
/// </summary>
internal sealed partial class OutboxMonitor(IServiceProvider services, string name) : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger =
        GuardedLogger.Of(services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Hosting"));

    private OutboxSample? _last;
    private bool _isFailing;

    internal string Name => name;

    /// <summary>Gets the last sample; <see langword="null"/> before the first one.</summary>
    internal OutboxSample? Last => Volatile.Read(ref _last);

    /// <summary>Returns the last sample if it is recent, and a new one otherwise.</summary>
    internal ValueTask<OutboxSample> RecentAsync(CancellationToken cancellationToken)
    {
        TimeProvider time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        return Last is { } last && time.GetElapsedTime(last.At) < Interval * 3 ? new(last) : SampleAsync(time, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        WebhookEngine engine = services.GetRequiredKeyedService<WebhookEngine>(name);
        if (engine.Outbox is null)
        {
            return;
        }

        HostingMeter.Observe(this);
        bool isChecked = services.GetRequiredKeyedService<WebhookRegistration>(name).HasHealthChecks;
        using PeriodicTimer ticks = new(Interval, engine.Time);
        do
        {
            if (isChecked || HostingMeter.IsOn)
            {
                await SampleAsync(engine.Time, stoppingToken).ConfigureAwait(false);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private async ValueTask<OutboxSample> SampleAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        WebhookEngine engine = services.GetRequiredKeyedService<WebhookEngine>(name);
        OutboxSample? before = Last;
        OutboxSample sample;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadTimeout);
        try
        {
            OutboxStatus status = engine.Worker is { } worker
                ? await worker.GetStatusAsync(limit.Token).ConfigureAwait(false)
                : await engine.Outbox!.GetStatusAsync(limit.Token).ConfigureAwait(false);
            sample = new OutboxSample(status, null, time.GetTimestamp(), before?.Status?.UnownedLanes > 0 && status.UnownedLanes > 0);
            _isFailing = false;
        }
        catch (Exception fault) when (
            fault is DbException or TimeoutException or InvalidOperationException or IOException
            || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            sample = new OutboxSample(before?.Status, fault.GetType().Name, time.GetTimestamp(), before?.LanesStayUnowned ?? false);
            if (!_isFailing)
            {
                LogUnreadable(_logger, fault, name);
            }

            _isFailing = true;
        }

        Volatile.Write(ref _last, sample);
        return sample;
    }

    [LoggerMessage(HostingEventIds.OutboxUnreadable, LogLevel.Warning,
        "The state of the outbox '{Instance}' cannot be read. Check its database. This line is written once until it can be read again.")]
    private static partial void LogUnreadable(ILogger logger, Exception fault, string instance);
}

/// <summary>The state of an outbox at a moment.</summary>
/// <param name="Status">The state; the last known one if it could not be read.</param>
/// <param name="Fault">The type of the exception if it could not be read.</param>
/// <param name="At">The timestamp.</param>
/// <param name="LanesStayUnowned">Whether lanes had no owner in this sample and the one before.</param>
internal sealed record OutboxSample(OutboxStatus? Status, string? Fault, long At, bool LanesStayUnowned);
