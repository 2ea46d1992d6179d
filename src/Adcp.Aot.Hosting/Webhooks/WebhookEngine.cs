using System.Data.Common;
using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.Hosting;

/// <summary>One instance: keys, sender, supervisor, sinks, database and outbox. The container makes it once and disposes it.</summary>
internal sealed class WebhookEngine : IAsyncDisposable
{
    private readonly IServiceProvider _services;
    private readonly WebhookRegistration _registration;
    private readonly ILoggerFactory _logging;
    private readonly IDeliveryLogSink? _sink;
    private readonly FileWatch _files;
    private readonly WebhookSender _settingsSender;
    private readonly DbDataSource? _ownedSource;
    private readonly List<IDeliveryLogSink> _ownedSinks = [];
    private HealthSettings _health;
    private int _isDisposed;

    private WebhookEngine(IServiceProvider services, string name, WebhookRegistration registration, AdcpWebhookSettings settings)
    {
        Name = name;
        Settings = settings;
        _services = services;
        _registration = registration;
        _health = settings.Health;
        SettingsSource source = SettingsSource.Of(services, name);
        Plan = PlanOf(source, settings);
        _logging = services.GetRequiredService<ILoggerFactory>();
        Time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        SigningKey[] fromCode = [.. registration.Keys.Select(make => make(services))];
        Keys = [.. fromCode, .. Plan.Keys];

        WebhookSenderOptions senderOptions = WebhookRegistration.Apply(
            services, registration.SenderSteps,
            Plan.Sender with { TimeProvider = Time, Logger = _logging.CreateLogger("Adcp.Aot.Sender") });
        WebhookAuthenticator authenticator = registration.Authenticator?.Invoke(services) ?? new Rfc9421Signer(Keys[0]);
        _settingsSender = new WebhookSender(authenticator, senderOptions);
        Sender = registration.Sender is { } make
            ? make(services, _settingsSender) ?? throw new InvalidOperationException("The function of UseSender returned null.")
            : _settingsSender;
        Senders = registration is { Senders: not null, Sender: not null }
            ? new OneSender(Sender)
            : registration.Senders?.Invoke(services, _settingsSender);

        if (registration.UsesDatabase(settings))
        {
            Database = source.Open(services, name, settings.Database, registration.OpenDatabase, out _ownedSource);
        }

        // The operations of a process that only enqueues show no attempts.
        bool deliversByOthers = registration.HasOutbox && !settings.Outbox.RunsWorker;
        AttemptHistory? history = registration.AttemptsKept is { } kept && !deliversByOthers ? new AttemptHistory(kept, Time) : null;
        _sink = SinkOf(services, registration, history);
        Supervisor = new InMemoryWebhookDeliverySupervisor(Sender, SupervisorOf(Plan));
        if (registration.HasOutbox)
        {
            Outbox = new SqlWebhookOutbox(
                new StoreDatabase(Database!.Source, Database.Dialect, Time), Sender, Plan.Secrets!,
                WebhookRegistration.Apply(
                    services, registration.OutboxSteps, Plan.Outbox with { TimeProvider = Time }));
            Tables.Add(Outbox);
            Expiring.Add(Outbox);
            if (settings.Outbox.RunsWorker)
            {
                Worker = new OutboxWorker(Outbox, Sender, WorkerOf(Plan));
            }
        }

        if (registration.AttemptsKept is not null)
        {
            ILogger logger = _logging.CreateLogger("Adcp.Aot.Operations");
            Operations = Worker is not null ? new OutboxOperations(Worker, history, logger, Time)
                : Outbox is null ? new WebhookOperations(Supervisor, history, logger, Time)
                : new OutboxOperations(Outbox, logger, Time);
        }

        // Last: it has a timer, and the container does not dispose an instance whose constructor throws.
        _files = new FileWatch(Plan.Files, Time, GuardedLogger.Of(_logging.CreateLogger("Adcp.Aot.Hosting")));
    }

    internal string Name { get; }

    /// <summary>Gets the settings of the start.</summary>
    internal AdcpWebhookSettings Settings { get; }

    /// <summary>Gets or sets the thresholds of the health checks.</summary>
    internal HealthSettings Health
    {
        get => Volatile.Read(ref _health);
        set => Volatile.Write(ref _health, value);
    }

    internal WebhookPlan Plan { get; }

    internal TimeProvider Time { get; }

    internal IReadOnlyList<SigningKey> Keys { get; }

    internal IWebhookSender Sender { get; }

    /// <summary>Gets the facts about <see cref="Sender"/>; those of the settings if it gives none.</summary>
    internal WebhookSenderFacts Facts => Sender.Facts ?? _settingsSender.Facts;

    /// <summary>Gets the senders of tenants; <see langword="null"/> if all share one key.</summary>
    internal IWebhookSenderSource? Senders { get; }

    internal InMemoryWebhookDeliverySupervisor Supervisor { get; }

    internal StoreSource? Database { get; }

    internal SqlWebhookOutbox? Outbox { get; }

    internal OutboxWorker? Worker { get; }

    /// <summary>Gets the operations for operators; <see langword="null"/> if they have no view of the instance.</summary>
    internal IWebhookOperations? Operations { get; }

    /// <summary>Gets the stores and sinks whose tables are created when the host starts.</summary>
    internal List<IStoreTables> Tables { get; } = [];

    /// <summary>Gets the stores that are purged.</summary>
    internal List<IExpiringStore> Expiring { get; } = [];

    /// <summary>Gets how long a delivery that is under way may still take: an attempt, and the longest own delay.</summary>
    internal TimeSpan LongestDelivery => Facts.AttemptTimeout
        + (Outbox is null ? Supervisor.LongestDelay : TimeSpan.Zero);

    internal static WebhookEngine Create(IServiceProvider services, string name) => new(
        services,
        name,
        services.GetRequiredKeyedService<WebhookRegistration>(name),
        services.GetRequiredService<IOptionsMonitor<AdcpWebhookSettings>>().Get(name));

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        if (Operations is OutboxOperations operations)
        {
            await operations.DisposeAsync().ConfigureAwait(false);
        }

        if (Worker is not null)
        {
            await Worker.DisposeAsync().ConfigureAwait(false);
        }

        await Supervisor.DisposeAsync().ConfigureAwait(false);
        if (Outbox is not null)
        {
            await Outbox.DisposeAsync().ConfigureAwait(false);
        }

        foreach (IDeliveryLogSink sink in _ownedSinks)
        {
            await DisposeAsync(sink).ConfigureAwait(false);
        }

        _files.Dispose();
        await DisposeAsync(Sender).ConfigureAwait(false);
        _settingsSender.Dispose();
        Plan.DisposeSecrets();
        if (_ownedSource is not null)
        {
            await _ownedSource.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Refuses a sender that the application registered as a service: this instance would not send by it.</summary>
    /// <exception cref="InvalidOperationException">There is one.</exception>
    internal void RequireOwnSender(IServiceProvider services)
    {
        using IServiceScope scope = services.CreateScope();
        Require(Sender);
        if (Sender is WebhookSender sender)
        {
            Require(sender);
        }

        void Require<T>(T own)
            where T : class
        {
            foreach (T? found in new[]
            {
                scope.ServiceProvider.GetKeyedService<T>(Name), Name.Length == 0 ? scope.ServiceProvider.GetService<T>() : null,
            })
            {
                if (found is not null && !ReferenceEquals(found, own))
                {
                    throw new InvalidOperationException(
                        $"The container has {found.GetType().Name} as {typeof(T).Name}, and webhook delivery does not use it. Give it to "
                        + "AddAdcpWebhooks().UseSender(...) instead of registering it, or register it under a key.");
                }
            }
        }
    }

    private static async ValueTask DisposeAsync(object part)
    {
        if (part is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            (part as IDisposable)?.Dispose();
        }
    }

    /// <summary>
    /// Returns the options that the supervisor and the worker would have with other settings; no options of a worker if there is none.
    /// </summary>
    /// <exception cref="OptionsValidationException">The settings have faults.</exception>
    internal (WebhookSupervisorOptions Memory, OutboxWorkerOptions? Outbox) OptionsOf(AdcpWebhookSettings settings)
    {
        WebhookPlan plan = PlanOf(SettingsSource.Of(_services, Name), settings);
        try
        {
            return (SupervisorOf(plan), Worker is null ? null : WorkerOf(plan));
        }
        finally
        {
            plan.DisposeSecrets();
        }
    }

    private WebhookSupervisorOptions SupervisorOf(WebhookPlan plan) =>
        AttemptsOf(plan.Supervisor, plan.Supervisor.Retry, "Adcp.Aot.Delivery");

    private OutboxWorkerOptions WorkerOf(WebhookPlan plan) => WebhookRegistration.Apply(
        _services, _registration.WorkerSteps,
        plan.Worker with { Attempts = AttemptsOf(plan.Supervisor, plan.Worker.Attempts.Retry, "Adcp.Aot.Outbox") });

    private WebhookSupervisorOptions AttemptsOf(WebhookSupervisorOptions options, RetryPolicy retry, string category) =>
        WebhookRegistration.Apply(_services, _registration.SupervisorSteps, options with
        {
            Retry = retry,
            TimeProvider = Time,
            Logger = _logging.CreateLogger(category),
            Sink = _sink,
            Senders = Senders,
        });

    private WebhookPlan PlanOf(SettingsSource source, AdcpWebhookSettings settings)
    {
        SettingFaults faults = new(settings.Bound.Root);
        WebhookPlan plan = WebhookPlan.Read(settings, _registration, source, faults);
        return faults.All.Count == 0
            ? plan
            : throw new OptionsValidationException(settings.Bound.Root, typeof(AdcpWebhookSettings), faults.All);
    }

    private IDeliveryLogSink? SinkOf(IServiceProvider services, WebhookRegistration registration, AttemptHistory? history)
    {
        List<IDeliveryLogSink> sinks = history is null ? [] : [history];
        foreach (Func<IServiceProvider, StoreSource?, MadeSink> make in registration.Sinks)
        {
            (IDeliveryLogSink sink, bool isOwned) = make(services, Database);
            sinks.Add(sink);
            if (isOwned)
            {
                _ownedSinks.Add(sink);
            }

            if (sink is IStoreTables tables)
            {
                Tables.Add(tables);
            }
        }

        return sinks.Count switch
        {
            0 => null,
            1 => sinks[0],
            _ => new FanOutDeliveryLogSink([.. sinks]),
        };
    }
}

/// <summary>Sends the webhooks of all tenants by one sender.</summary>
internal sealed class OneSender(IWebhookSender sender) : IWebhookSenderSource
{
    public IWebhookSender GetSender(string tenant) => sender;
}
