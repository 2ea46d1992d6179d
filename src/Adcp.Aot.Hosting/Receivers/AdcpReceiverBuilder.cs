using System.Data.Common;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Adcp.Aot.Verification;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Adcp.Aot.Hosting;

/// <summary>Completes a receiver that <c>AddAdcpWebhookReceiver</c> registered.</summary>
public sealed class AdcpReceiverBuilder
{
    /// <summary>The name of the health check of the database of claims and nonces.</summary>
    public const string StoreCheck = "adcp_receiver_store";

    private readonly ReceiverRegistration _registration;

    internal AdcpReceiverBuilder(IServiceCollection services, string name, ReceiverRegistration registration)
    {
        Services = services;
        Name = name;
        _registration = registration;
    }

    /// <summary>Gets the application's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Gets the receiver's name, the key of its services; empty for the default receiver.</summary>
    public string Name { get; }

    /// <summary>
    /// Reads the settings from a section, under every publish mode. A text that does not fit its setting, or a name that is no setting,
    /// fails the start. A section overrides the code's settings and those of earlier sections; a list is replaced as a whole.
    /// </summary>
    /// <param name="section">The section's path, such as <c>AdcpReceiver</c>.</param>
    /// <exception cref="ArgumentException">Null or empty.</exception>
    public AdcpReceiverBuilder BindConfiguration(string section)
    {
        ArgumentException.ThrowIfNullOrEmpty(section);
        _registration.Sections.Add(section);
        return this;
    }

    /// <summary>Verifies by a verifier of the application's own instead of the sender's published keys.</summary>
    /// <param name="make">Creates the verifier, with the receiver's replay cache.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpReceiverBuilder UseVerifier(Func<IServiceProvider, IReplayCache, WebhookVerifier> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        _registration.Verifier = make;
        return this;
    }

    /// <summary>Keeps claims in a store of the application's own.</summary>
    /// <param name="make">Gets the store. Its owner disposes it.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpReceiverBuilder UseClaimStore(Func<IServiceProvider, IWebhookClaimStore> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        _registration.Store = make;
        return this;
    }

    /// <summary>
    /// Keeps claims and nonces in a database: the <see cref="DbDataSource"/> of the container, under <see cref="Name"/> if there is one,
    /// or one that is opened here by its connection string.
    /// </summary>
    /// <param name="dialect">Its SQL. Default <see langword="null"/>, <see cref="DatabaseSettings.Dialect"/> of the configuration.</param>
    /// <param name="open">
    /// Opens it by the connection string of <see cref="DatabaseSettings.ConnectionName"/>. Without the connection string the start fails.
    /// The database is disposed with the host. Default <see langword="null"/>, the container's.
    /// </param>
    public AdcpReceiverBuilder UseDatabase(SqlDialect? dialect = null, Func<IServiceProvider, string, DbDataSource>? open = null)
    {
        _registration.OpensDatabase = true;
        if (open is not null)
        {
            _registration.OpenDatabase = new DatabaseOpening((services, connection) => open(services, connection!), NeedsConnection: true);
        }

        return UseDialect(dialect);
    }

    /// <summary>Keeps claims and nonces in a database that is opened without a connection string.</summary>
    /// <param name="open">Opens it. The database is disposed with the host.</param>
    /// <param name="dialect">Its SQL. Default <see langword="null"/>, <see cref="DatabaseSettings.Dialect"/> of the configuration.</param>
    /// <exception cref="ArgumentNullException"><paramref name="open"/> is null.</exception>
    public AdcpReceiverBuilder UseDatabase(Func<IServiceProvider, DbDataSource> open, SqlDialect? dialect = null)
    {
        ArgumentNullException.ThrowIfNull(open);
        _registration.OpensDatabase = true;
        _registration.OpenDatabase = new DatabaseOpening((services, _) => open(services), NeedsConnection: false);
        return UseDialect(dialect);
    }

    /// <summary>
    /// Adds the health check <see cref="StoreCheck"/>, with <c>:name</c> behind it for a named receiver: while the database of claims and
    /// nonces cannot be read, webhooks are answered 503.
    /// </summary>
    /// <param name="tags">Tags of the check; none by default.</param>
    public AdcpReceiverBuilder AddHealthChecks(params string[] tags)
    {
        if (_registration.HasHealthChecks)
        {
            return this;
        }

        _registration.HasHealthChecks = true;
        string name = Name;
        string store = $"receiver:{name}";
        StoreMonitor.Add(Services, store, $"the receiver '{name}'", provider =>
            provider.GetRequiredKeyedService<AdcpWebhookReceiver>(name).Database);
        Services.AddHealthChecks();
        Services.AddOptions<HealthCheckServiceOptions>().Configure<IServiceProvider>((options, provider) =>
            options.Registrations.Add(new HealthCheckRegistration(
                name.Length == 0 ? StoreCheck : $"{StoreCheck}:{name}",
                new StoreHealthCheck(provider, store, "Webhooks are answered 503."), null, tags)));
        return this;
    }

    /// <summary>Changes the options that settings do not have, such as the answer to challenges.</summary>
    /// <param name="configure">Returns the changed options.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpReceiverBuilder ConfigureOptions(Func<IServiceProvider, WebhookReceiverOptions, WebhookReceiverOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _registration.Steps.Add(configure);
        return this;
    }

    private AdcpReceiverBuilder UseDialect(SqlDialect? dialect)
    {
        if (dialect is { } given)
        {
            Services.Configure<AdcpReceiverSettings>(Name, settings => settings.Database.Dialect ??= given);
        }

        return this;
    }
}
