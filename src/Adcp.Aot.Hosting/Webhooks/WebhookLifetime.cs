using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.Hosting;

/// <summary>
/// The life of an instance within the host. Before other services start it validates and creates tables. After them it starts the worker of
/// the outbox. When they have stopped, so that no request comes any more, it drains within the host's time.
/// </summary>
internal sealed partial class WebhookLifetime(IServiceProvider services, string name) : IHostedLifecycleService, IDisposable
{
    private readonly ILogger _logger =
        GuardedLogger.Of(services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Hosting"));

    private WebhookEngine? _engine;
    private SellerRuntime? _seller;
    private SettingsWatch? _watch;
    private long _stoppingAt;

    private TimeSpan ShutdownTimeout => services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        _engine = services.GetRequiredKeyedService<WebhookEngine>(name);
        _engine.RequireOwnSender(services);
        _seller = services.GetKeyedService<SellerRuntime>(name);
        if (_engine.Settings.Database.CreateTables)
        {
            foreach (IStoreTables tables in _engine.Tables.Concat(_seller?.Tables ?? []))
            {
                await tables.CreateIfAbsentAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        if (_seller is not null)
        {
            await _seller.Handler.CheckStoresAsync(cancellationToken).ConfigureAwait(false);
        }

        TimeSpan needed = _engine.LongestDelivery;
        if (ShutdownTimeout < needed)
        {
            LogShortShutdown(_logger, ShutdownTimeout, needed);
        }
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_engine!.Worker is { } worker)
        {
            await worker.StartAsync(cancellationToken).ConfigureAwait(false);
        }

        _watch = WebhookReload.Watch(services, _engine, _logger);
    }

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        if (_seller is not null)
        {
            await _seller.ResumeAsync(services, cancellationToken).ConfigureAwait(false);
        }
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _stoppingAt = TimeProvider.System.GetTimestamp();
        _watch?.Dispose();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        if (_engine is not { } engine)
        {
            return;
        }

        // A tenth is kept back for the last commits, so that the host does not give up on them.
        TimeSpan all = ShutdownTimeout;
        long begun = _stoppingAt == 0 ? TimeProvider.System.GetTimestamp() : _stoppingAt;
        TimeSpan Left() => TimeSpan.FromTicks(Math.Clamp(
            ((all * 0.9) - TimeProvider.System.GetElapsedTime(begun)).Ticks, 0, TimeSpan.FromHours(1).Ticks));
        if (_seller is not null)
        {
            await _seller.Handler.DrainAsync(Left()).ConfigureAwait(false);
        }

        using CancellationTokenSource grace = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        grace.CancelAfter(Left());
        Task<DrainReport> memory = engine.Supervisor.DrainAsync(grace.Token);
        OutboxStopReport worker = engine.Worker is null
            ? new OutboxStopReport(0, 0)
            : await engine.Worker.StopAsync(Left()).ConfigureAwait(false);
        DrainReport drained = await memory.ConfigureAwait(false);
        if (drained.CutShort + drained.Abandoned > 0 || worker.MayRepeat)
        {
            LogLeft(_logger, drained.CutShort, drained.Abandoned, worker.Cancelled, worker.Unsettled, all);
        }
        else
        {
            LogStopped(_logger, drained.Finished);
        }
    }

    public void Dispose() => _watch?.Dispose();

    [LoggerMessage(HostingEventIds.ShutdownTimeoutShort, LogLevel.Warning,
        "HostOptions.ShutdownTimeout is {Timeout}, and a delivery may take {Needed}: a stop may cut deliveries short. Set it to at least "
            + "that, and give the system that stops the process more.")]
    private static partial void LogShortShutdown(ILogger logger, TimeSpan timeout, TimeSpan needed);

    [LoggerMessage(HostingEventIds.Stopped, LogLevel.Information,
        "Webhook delivery has stopped. {Finished} deliveries were under way and have finished.")]
    private static partial void LogStopped(ILogger logger, int finished);

    [LoggerMessage(HostingEventIds.StoppedEarly, LogLevel.Warning,
        "Webhook delivery was stopped after {Timeout}: {CutShort} deliveries were cut short, {Abandoned} attempts were abandoned. Of the "
            + "outbox {Cancelled} attempts were cancelled and {Unsettled} results not committed; these webhooks are sent again.")]
    private static partial void LogLeft(
        ILogger logger, int cutShort, int abandoned, int cancelled, int unsettled, TimeSpan timeout);
}
