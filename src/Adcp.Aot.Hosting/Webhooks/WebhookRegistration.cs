using Adcp.Aot.Auditing;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Hosting;

/// <summary>The parts of an instance that the application gives in code. Complete when the container is built.</summary>
internal sealed class WebhookRegistration
{
    /// <summary>Gets the factories of the sinks; the database is <see langword="null"/> if there is none.</summary>
    internal List<Func<IServiceProvider, StoreSource?, MadeSink>> Sinks { get; } = [];

    internal List<Func<IServiceProvider, SigningKey>> Keys { get; } = [];

    internal Func<IServiceProvider, WebhookAuthenticator>? Authenticator { get; set; }

    /// <summary>Gets or sets the factory of the application's own sender, which gets the sender of the settings.</summary>
    internal Func<IServiceProvider, WebhookSender, IWebhookSender>? Sender { get; set; }

    /// <summary>Gets or sets the factory of the senders of tenants; <see langword="null"/> if all tenants share one key.</summary>
    internal Func<IServiceProvider, WebhookSender, IWebhookSenderSource>? Senders { get; set; }

    internal DatabaseOpening? OpenDatabase { get; set; }

    internal bool OpensDatabase { get; set; }

    internal bool HasOutbox { get; set; }

    internal bool HasHealthChecks { get; set; }

    /// <summary>Gets or sets how many attempts operators see; <see langword="null"/> if they have no view of the instance.</summary>
    internal int? AttemptsKept { get; set; }

    /// <summary>Gets whether the application signs with a key or authenticator of its own.</summary>
    internal bool HasAuthenticator => Authenticator is not null || Keys.Count > 0;

    internal List<Func<IServiceProvider, WebhookSenderOptions, WebhookSenderOptions>> SenderSteps { get; } = [];

    internal List<Func<IServiceProvider, WebhookSupervisorOptions, WebhookSupervisorOptions>> SupervisorSteps { get; } = [];

    internal List<Func<IServiceProvider, SqlWebhookOutboxOptions, SqlWebhookOutboxOptions>> OutboxSteps { get; } = [];

    internal List<Func<IServiceProvider, OutboxWorkerOptions, OutboxWorkerOptions>> WorkerSteps { get; } = [];

    /// <summary>Gets the sections that are bound, in order.</summary>
    internal List<string> Sections { get; } = [];

    /// <summary>Returns whether the instance keeps anything in a database.</summary>
    internal bool UsesDatabase(AdcpWebhookSettings settings) => OpensDatabase || HasOutbox || settings.Database.Dialect is not null;

    internal static T Apply<T>(IServiceProvider services, List<Func<IServiceProvider, T, T>> steps, T options)
    {
        foreach (Func<IServiceProvider, T, T> step in steps)
        {
            options = step(services, options)
                ?? throw new InvalidOperationException($"A function that configures {typeof(T).Name} returned null.");
        }

        return options;
    }
}

/// <summary>A sink.</summary>
/// <param name="Sink">The sink.</param>
/// <param name="IsOwned">Whether it is disposed with the instance. A service is disposed by the container.</param>
internal readonly record struct MadeSink(IDeliveryLogSink Sink, bool IsOwned);
