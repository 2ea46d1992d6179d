using Adcp.Aot.Platform;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>A seller over an instance of webhook delivery.</summary>
internal sealed class SellerRuntime : IAsyncDisposable
{
    private readonly SellerRegistration _registration;
    private readonly Lazy<PlatformHandler> _handler;

    private SellerRuntime(IServiceProvider services, string name, SellerRegistration registration, WebhookEngine engine)
    {
        _registration = registration;
        Settings = engine.Settings.Seller;
        TakesBearer = !Settings.SharesOneTenant;
        Options = OptionsOf(services, engine);
        foreach (object? store in new object?[] { Options.Tasks, Options.Idempotency })
        {
            if (store is IStoreTables tables)
            {
                Tables.Add(tables);
            }

            if (store is IExpiringStore expiring)
            {
                Expiring.Add(expiring);
            }
        }

        Tasks = Options.Outbox is null ? new TaskHandOff(Options, supervisor: engine.Supervisor) : new TaskHandOff(Options);
        _handler = new Lazy<PlatformHandler>(
            () => new PlatformHandler(services.GetRequiredKeyedService<IAdcpPlatform>(name), Tasks));
    }

    internal SellerSettings Settings { get; }

    internal bool TakesBearer { get; }

    internal PlatformOptions Options { get; }

    internal TaskHandOff Tasks { get; }

    /// <summary>Gets the handler. It is made later than the hand-off, which tools may take.</summary>
    internal PlatformHandler Handler => _handler.Value;

    internal List<IStoreTables> Tables { get; } = [];

    internal List<IExpiringStore> Expiring { get; } = [];

    internal static SellerRuntime Create(IServiceProvider services, string name) => new(
        services,
        name,
        services.GetRequiredKeyedService<SellerRegistration>(name),
        services.GetKeyedService<WebhookEngine>(name) ?? throw new InvalidOperationException(
            "A seller reports by webhooks: call AddAdcpWebhooks with the same name as AddAdcpSeller."));

    internal async ValueTask ResumeAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        foreach (Func<IServiceProvider, TaskHandOff, CancellationToken, ValueTask> resume in _registration.Resume)
        {
            AsyncServiceScope scope = services.CreateAsyncScope();
            await using (scope.ConfigureAwait(false))
            {
                await resume(scope.ServiceProvider, Tasks, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_handler.IsValueCreated)
        {
            await _handler.Value.DisposeAsync().ConfigureAwait(false);
        }

        await Tasks.DisposeAsync().ConfigureAwait(false);
    }

    private PlatformOptions OptionsOf(IServiceProvider services, WebhookEngine engine)
    {
        SellerSettings seller = Settings;
        SignatureAlgorithm[] algorithms = [.. engine.Keys.Select(static key => key.Algorithm).Distinct()];
        TimeSpan? horizon = engine.Plan.Version >= AdcpVersion.V32 ? engine.Outbox?.RetryHorizon : null;
        PlatformOptions options = new()
        {
            Version = engine.Plan.Version,
            SigningKeys = engine.Keys,
            WebhookSigning = algorithms.Length == 0
                ? null
                : new WebhookSigningCapability
                {
                    Algorithms = algorithms,
                    RetryHorizon = horizon,
                    AllowsLegacyAuthentication = seller.AllowsLegacyAuthentication,
                },
            Outbox = engine.Outbox,
            Guard = engine.Facts.Guard,
            AcceptsPushConfigs = seller.AcceptsPushConfigs,
            EmitsInterimStatuses = seller.EmitsInterimStatuses,
            AllowsProcessLocalDelivery = seller.AllowsProcessLocalDelivery,
            RequiresIdempotencyKey = seller.RequiresIdempotencyKey,
            TimeProvider = engine.Time,
            Logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Seller"),
        };
        if (seller.CallTimeout is { } call)
        {
            options = options with { CallTimeout = call };
        }

        if (seller.RedeliveryWindow is { } window)
        {
            options = options with { RedeliveryWindow = window };
        }

        if (engine.Database is { } database)
        {
            options = options with
            {
                Tasks = new SqlTaskRegistry(database.Source, database.Dialect, engine.Plan.Secrets!),
                Idempotency = new SqlIdempotencyStore(database.Source, database.Dialect),
            };
        }

        return WebhookRegistration.Apply(services, _registration.Steps, options);
    }
}
