using System.Data.Common;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Reads a database every ten seconds while a health check or a listener of the meter needs it, so that neither waits for the database.
/// </summary>
internal abstract class DatabaseMonitor(IServiceProvider services) : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);

    private string? _fault;
    private long _readAt;
    private bool _isFailing;
    private volatile bool _hasRead;

    protected ILogger Logger { get; } =
        GuardedLogger.Of(services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Hosting"));

    protected TimeProvider Time { get; } = services.GetService<TimeProvider>() ?? TimeProvider.System;

    /// <summary>
    /// Gets the last reading: the type of the exception if it failed, and whether it is recent. <see langword="null"/> before the first.
    /// </summary>
    internal (string? Fault, bool IsRecent)? Reading =>
        _hasRead ? (Volatile.Read(ref _fault), Time.GetElapsedTime(Volatile.Read(ref _readAt)) < 3 * Interval) : null;

    /// <summary>Reads the database now.</summary>
    internal async Task SampleAsync(CancellationToken cancellationToken)
    {
        string? fault = null;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadTimeout);
        try
        {
            await ReadAsync(limit.Token).ConfigureAwait(false);
            _isFailing = false;
        }
        catch (Exception caught) when (
            caught is DbException or TimeoutException or InvalidOperationException or IOException
            || (caught is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            fault = caught.GetType().Name;
            if (!_isFailing)
            {
                LogFault(caught);
            }

            _isFailing = true;
        }

        Volatile.Write(ref _fault, fault);
        Volatile.Write(ref _readAt, Time.GetTimestamp());
        _hasRead = true;
    }

    /// <summary>Returns whether there is anything to read.</summary>
    protected abstract bool HasDatabase();

    /// <summary>Returns whether something needs the next reading.</summary>
    protected abstract bool IsNeeded();

    /// <summary>Reads the database.</summary>
    protected abstract ValueTask ReadAsync(CancellationToken cancellationToken);

    /// <summary>Logs the first of several readings that fail.</summary>
    protected abstract void LogFault(Exception fault);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!HasDatabase())
        {
            return;
        }

        using PeriodicTimer ticks = new(Interval, Time);
        do
        {
            if (IsNeeded())
            {
                await SampleAsync(stoppingToken).ConfigureAwait(false);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }
}
