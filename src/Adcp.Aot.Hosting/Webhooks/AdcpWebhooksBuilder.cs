using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Adcp.Aot.Hosting;

/// <summary>Completes an instance of webhook delivery that <c>AddAdcpWebhooks</c> registered.</summary>
public sealed class AdcpWebhooksBuilder
{
    /// <summary>The name of the health check of endpoints and audit records.</summary>
    public const string DeliveryCheck = "adcp_delivery";

    /// <summary>The name of the health check of the outbox.</summary>
    public const string OutboxCheck = "adcp_outbox";

    /// <summary>The name of the health check of the database, if there is no outbox in it.</summary>
    public const string StoreCheck = "adcp_store";

    private readonly WebhookRegistration _registration;

    internal AdcpWebhooksBuilder(IServiceCollection services, string name, WebhookRegistration registration)
    {
        Services = services;
        Name = name;
        _registration = registration;
    }

    /// <summary>Gets the application's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Gets the instance's name, the key of its services; empty for the default instance.</summary>
    public string Name { get; }

    /// <summary>
    /// Reads the settings from a section, under every publish mode. A text that does not fit its setting, or a name that is no setting,
    /// fails the start. A section overrides the code's settings and those of earlier sections; a list is replaced as a whole. While the
    /// host runs, changes of <c>Retry</c>, <c>Outbox:Retry</c>, <c>Circuit</c> and <c>Health</c> are taken over; others are logged and need
    /// a restart.
    /// </summary>
    /// <param name="section">The section's path, such as <c>Adcp</c>.</param>
    /// <exception cref="ArgumentException">Null or empty.</exception>
    public AdcpWebhooksBuilder BindConfiguration(string section)
    {
        ArgumentException.ThrowIfNullOrEmpty(section);
        _registration.Sections.Add(section);
        return this;
    }

    /// <summary>Changes the settings in code, before the sections of <see cref="BindConfiguration"/> are read.</summary>
    /// <param name="configure">Changes them.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder Configure(Action<AdcpWebhookSettings> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.Configure(Name, configure);
        return this;
    }

    /// <summary>
    /// Adds a signing key. Keys of code come before those of <see cref="AdcpWebhookSettings.Keys"/>; the first key signs.
    /// </summary>
    /// <param name="make">Gets the key. Its owner disposes it.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder AddKey(Func<IServiceProvider, SigningKey> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        _registration.Keys.Add(make);
        return this;
    }

    /// <summary>Signs in another way than with a local key, such as by a <see cref="RemoteSigningKey"/> of a key service.</summary>
    /// <param name="make">Gets the authenticator.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder UseAuthenticator(Func<IServiceProvider, WebhookAuthenticator> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        _registration.Authenticator = make;
        return this;
    }

    /// <summary>
    /// Signs the webhooks of each tenant with a key of its own, in memory and from the outbox. Webhooks without a tenant are signed with
    /// the first key of <see cref="AddKey"/> or <see cref="AdcpWebhookSettings.Keys"/>. <see cref="IWebhookSenderSource"/> becomes a
    /// service, for single attempts of a tenant.
    /// </summary>
    /// <param name="find">
    /// Returns the signer of a tenant; <see langword="null"/> if it has no key, and its webhooks are then refused. It may be slow or
    /// throw.
    /// </param>
    /// <param name="options">The options of <see cref="TenantSenders"/>; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="find"/> is null.</exception>
    public AdcpWebhooksBuilder UseTenantKeys(
        Func<IServiceProvider, string, CancellationToken, ValueTask<WebhookAuthenticator?>> find, TenantSenderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(find);
        _registration.Senders = (services, shared) => new TenantSenders(
            shared,
            (tenant, cancellationToken) => find(services, tenant, cancellationToken),
            options ?? new TenantSenderOptions { TimeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System });
        ServiceForwards.Add<IWebhookSenderSource>(Services, Name, static engine => engine.Senders!);
        return this;
    }

    /// <summary>
    /// Sends every webhook by a sender of the application's own, in memory and from the outbox, also the webhooks of tenants:
    /// <see cref="UseTenantKeys"/> has no effect then. <see cref="IWebhookSender"/> is this sender. The last call holds.
    /// </summary>
    /// <remarks>
    /// A wrapper passes the sender's <see cref="IWebhookSender.Facts"/> and <see cref="IWebhookSender.Prepare"/> on, so that version, key
    /// and guard stay those of the settings. In tests it is <c>RecordingSender</c> of Adcp.Aot.Testing.
    /// </remarks>
    /// <param name="make">
    /// Creates the sender. It gets the sender of the settings, which it may wrap and which the host disposes. The new one is disposed with
    /// the host too.
    /// </param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder UseSender(Func<IServiceProvider, WebhookSender, IWebhookSender> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        _registration.Sender = make;
        return this;
    }

    /// <summary>
    /// Adds a sink of the audit records. Its constructor takes services of the container, and the database of <c>UseDatabase</c>
    /// as <see cref="DbDataSource"/> and <see cref="SqlDialect"/>. Its table is created when the host starts, and it is disposed with the
    /// host. Several sinks each get every record.
    /// </summary>
    /// <typeparam name="T">The sink, such as a class with <c>[SqlDeliveryLog]</c>.</typeparam>
    public AdcpWebhooksBuilder AddSink<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>()
        where T : class, IDeliveryLogSink
    {
        _registration.Sinks.Add(static (services, database) => Sinks.Create<T>(services, database));
        return this;
    }

    /// <summary>Adds a sink of the audit records.</summary>
    /// <param name="make">Creates the sink. It is disposed with the host.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder AddSink(Func<IServiceProvider, IDeliveryLogSink> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        _registration.Sinks.Add((services, _) => new MadeSink(
            make(services) ?? throw new InvalidOperationException("The function of AddSink returned null."), IsOwned: true));
        return this;
    }

    /// <summary>
    /// Uses a database for outbox, tasks, answers and sinks: the <see cref="DbDataSource"/> of the container, under <see cref="Name"/> if
    /// there is one, or one that is opened here by its connection string.
    /// </summary>
    /// <param name="dialect">Its SQL. Default <see langword="null"/>, <see cref="DatabaseSettings.Dialect"/> of the configuration.</param>
    /// <param name="open">
    /// Opens it by the connection string of <see cref="DatabaseSettings.ConnectionName"/>. Without the connection string the start fails.
    /// The database is disposed with the host. Default <see langword="null"/>, the container's.
    /// </param>
    public AdcpWebhooksBuilder UseDatabase(SqlDialect? dialect = null, Func<IServiceProvider, string, DbDataSource>? open = null)
    {
        _registration.OpensDatabase = true;
        if (open is not null)
        {
            _registration.OpenDatabase = new DatabaseOpening((services, connection) => open(services, connection!), NeedsConnection: true);
        }

        return UseDialect(dialect);
    }

    /// <summary>Uses a database for outbox, tasks, answers and sinks that is opened without a connection string.</summary>
    /// <param name="open">Opens it. The database is disposed with the host.</param>
    /// <param name="dialect">Its SQL. Default <see langword="null"/>, <see cref="DatabaseSettings.Dialect"/> of the configuration.</param>
    /// <exception cref="ArgumentNullException"><paramref name="open"/> is null.</exception>
    public AdcpWebhooksBuilder UseDatabase(Func<IServiceProvider, DbDataSource> open, SqlDialect? dialect = null)
    {
        ArgumentNullException.ThrowIfNull(open);
        _registration.OpensDatabase = true;
        _registration.OpenDatabase = new DatabaseOpening((services, _) => open(services), NeedsConnection: false);
        return UseDialect(dialect);
    }

    /// <summary>
    /// Keeps webhooks in the database until they are delivered, and delivers them by a hosted worker. The services
    /// <see cref="Delivery.IWebhookOutbox"/> and <see cref="SqlWebhookOutbox"/> enqueue.
    /// </summary>
    /// <param name="configure">Changes the settings of the outbox.</param>
    public AdcpWebhooksBuilder AddOutbox(Action<OutboxSettings>? configure = null)
    {
        if (!_registration.HasOutbox)
        {
            _registration.HasOutbox = true;
            ServiceForwards.AddOutbox(Services, Name);
        }

        return configure is null ? this : Configure(settings => configure(settings.Outbox));
    }

    /// <summary>
    /// Adds the health checks <see cref="DeliveryCheck"/> and <see cref="OutboxCheck"/>, or <see cref="StoreCheck"/> if there is no outbox,
    /// with <c>:name</c> behind them for a named instance. <see cref="AdcpWebhookSettings.Health"/> has their thresholds.
    /// </summary>
    /// <param name="tags">Tags of the checks; none by default.</param>
    public AdcpWebhooksBuilder AddHealthChecks(params string[] tags)
    {
        if (_registration.HasHealthChecks)
        {
            return this;
        }

        _registration.HasHealthChecks = true;
        string suffix = Name.Length == 0 ? "" : ":" + Name;
        WebhookRegistration registration = _registration;
        string name = Name;
        string store = $"webhooks:{name}";
        Services.AddHealthChecks();
        StoreMonitor.Add(Services, store, $"the instance '{name}' of webhook delivery", provider =>
            provider.GetRequiredKeyedService<WebhookEngine>(name) is { Outbox: null } engine ? engine.Database : null);
        Services.AddOptions<HealthCheckServiceOptions>().Configure<IServiceProvider>((options, provider) =>
        {
            options.Registrations.Add(
                new HealthCheckRegistration(DeliveryCheck + suffix, new DeliveryHealthCheck(provider, name), null, tags));
            options.Registrations.Add(registration.HasOutbox
                ? new HealthCheckRegistration(OutboxCheck + suffix, new OutboxHealthCheck(provider, name), null, tags)
                : new HealthCheckRegistration(
                    StoreCheck + suffix, new StoreHealthCheck(provider, store, "Tasks and answers cannot be kept."), null, tags));
        });
        return this;
    }

    /// <summary>
    /// Adds the operations for an operator page: <see cref="IWebhookOperations"/> becomes a service, and <c>MapAdcpOperations</c> of
    /// Adcp.Aot.AspNetCore shows it. They are those of the outbox if there is one, and otherwise those of the supervisor. Without a worker
    /// in this process (<c>Outbox:RunsWorker</c>) they are those of the outbox's tables: endpoints and attempts are in other processes.
    /// </summary>
    /// <param name="attempts">The capacity of the <see cref="AttemptHistory"/>. 1 to 1,048,576, default 10,000.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,048,576.</exception>
    public AdcpWebhooksBuilder AddOperations(int attempts = 10_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempts, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(attempts, 1 << 20);
        _registration.AttemptsKept = attempts;
        ServiceForwards.Add<IWebhookOperations>(Services, Name, static engine => engine.Operations!);
        return this;
    }

    /// <summary>Changes the options of the sender that settings do not have, such as its hooks and its resolver.</summary>
    /// <param name="configure">Returns the changed options.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder ConfigureSender(Func<IServiceProvider, WebhookSenderOptions, WebhookSenderOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _registration.SenderSteps.Add(configure);
        return this;
    }

    /// <summary>
    /// Changes the options of deliveries that settings do not have, such as the response table. They hold for the supervisor and for the
    /// worker of the outbox.
    /// </summary>
    /// <param name="configure">
    /// Returns the changed options. It is called for the supervisor and for the worker, and again when the settings were changed: its
    /// values win over them.
    /// </param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder ConfigureDelivery(Func<IServiceProvider, WebhookSupervisorOptions, WebhookSupervisorOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _registration.SupervisorSteps.Add(configure);
        return this;
    }

    /// <summary>Changes the options of the outbox that settings do not have.</summary>
    /// <param name="configure">Returns the changed options.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder ConfigureOutbox(Func<IServiceProvider, SqlWebhookOutboxOptions, SqlWebhookOutboxOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _registration.OutboxSteps.Add(configure);
        return this;
    }

    /// <summary>Changes the options of the outbox's worker that settings do not have.</summary>
    /// <param name="configure">
    /// Returns the changed options. It is called again when the settings were changed: its values win over them.
    /// </param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpWebhooksBuilder ConfigureWorker(Func<IServiceProvider, OutboxWorkerOptions, OutboxWorkerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _registration.WorkerSteps.Add(configure);
        return this;
    }

    private AdcpWebhooksBuilder UseDialect(SqlDialect? dialect)
    {
        if (dialect is { } given)
        {
            Services.Configure<AdcpWebhookSettings>(Name, settings => settings.Database.Dialect ??= given);
        }

        return this;
    }
}
