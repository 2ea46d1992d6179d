using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps webhooks in tables of SQLite or PostgreSQL until they are delivered, so that they survive the process. It enqueues in the
/// caller's own transaction; an <see cref="OutboxWorker"/> delivers. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// The whole webhook is frozen and encrypted when it is enqueued: every attempt sends the same idempotency key and the same bytes. A
/// webhook that was committed is delivered, or kept as a dead letter with the reason.
/// </para>
/// <para>
/// Rows under <see cref="OutboxOptions.DeliveryId"/> are enqueued once. The id is remembered for the retry horizon and <see
/// cref="SqlWebhookOutboxOptions.DeliveryIdRetention"/>.
/// </para>
/// </remarks>
public sealed partial class SqlWebhookOutbox : IWebhookOutbox, IExpiringStore, IStoreTables, IAsyncDisposable
{
    /// <summary>The most webhooks of one call.</summary>
    private const int MaxItems = 10_000;

    /// <summary>The most waiting webhooks of one list.</summary>
    private const int MaxListed = 1_000;

    private readonly IWebhookSender _sender;
    private readonly SqlWebhookOutboxOptions _options;
    private readonly Lock _lock = new();
    private OutboxWorker[] _workers = [];
    private int _hasNotifyFailed;

    /// <summary>Creates an outbox. <see cref="CreateIfAbsentAsync"/> creates its tables.</summary>
    /// <param name="database">The database, SQLite or PostgreSQL.</param>
    /// <param name="sender">Freezes webhooks. The caller disposes it.</param>
    /// <param name="secrets">The keys that rows are encrypted with. Webhooks hold secrets, so that they must be encrypted.</param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="secrets"/> keeps secrets out of the database.</exception>
    /// <exception cref="NotSupportedException">The database is MySQL or MariaDB.</exception>
    public SqlWebhookOutbox(
        StoreDatabase database, IWebhookSender sender, SecretsAtRest secrets, SqlWebhookOutboxOptions? options = null)
        : this(
            OutboxStores.Create(database ?? throw new ArgumentNullException(nameof(database)), options ?? new SqlWebhookOutboxOptions()),
            sender, secrets, options)
    {
    }

    internal SqlWebhookOutbox(OutboxStore store, IWebhookSender sender, SecretsAtRest secrets, SqlWebhookOutboxOptions? options)
    {
        ArgumentNullException.ThrowIfNull(sender);
        Store = store;
        Seal = new OutboxSeal(secrets);
        _sender = sender;
        _options = options ?? new SqlWebhookOutboxOptions();
        DeadLetters = new DeadLetters(store, Seal, Wake, _options.TimeProvider);
        if (_options.WakeUp is not null)
        {
            Enqueued += Notify;
        }
    }

    /// <summary>Raised when rows were committed by this process.</summary>
    internal event Action? Enqueued;

    /// <inheritdoc/>
    public TimeSpan? RetryHorizon => _options.RetryHorizon;

    /// <inheritdoc/>
    public IWebhookSender Sender => _sender;

    /// <inheritdoc/>
    public int PurgeBatchSize => ExpiringTable.PurgeBatchSize;

    /// <summary>Gets the webhooks that ended undelivered.</summary>
    public DeadLetters DeadLetters { get; }

    /// <summary>
    /// Gets the clock that decides when a webhook is due; <see langword="null"/> if it is the database's, as in production. See
    /// <see cref="SqlWebhookOutboxOptions.FollowsTimeProvider"/>.
    /// </summary>
    public TimeProvider? Clock => _options.FollowsTimeProvider ? _options.TimeProvider : null;

    /// <summary>
    /// Gets how long the workers of this outbox have nothing to do unless webhooks are enqueued: until a webhook is due, or until they look
    /// for new ones or renew their lease. Zero while one of them works, <see langword="null"/> if none runs on this object. A test whose
    /// clock is <see cref="Clock"/> can let this time pass.
    /// </summary>
    public TimeSpan? QuietTime =>
        Volatile.Read(ref _workers) is { Length: > 0 } workers ? workers.Min(static worker => worker.Quiet) : null;

    internal OutboxStore Store { get; }

    internal OutboxSeal Seal { get; }

    internal IOutboxWakeUp? WakeUp => _options.WakeUp;

    internal TimeSpan Horizon => _options.RetryHorizon;

    /// <summary>Creates the tables if they are absent. Processes that start at the same time wait for each other.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="InvalidOperationException">
    /// The tables are newer than this program, which does not work on them; or there is an ambient transaction; or the server or SQLite's
    /// library is too old.
    /// </exception>
    /// <exception cref="TimeoutException">
    /// Transactions have used a table that is to be changed for a minute, such as that of a backup (PostgreSQL).
    /// </exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) => Store.CreateIfAbsentAsync(cancellationToken);

    /// <summary>Checks that the tables are there and fit this program.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="InvalidOperationException">
    /// A table is missing or lacks a column, or is newer than this program, which does not work on it; or the server or SQLite's library is
    /// too old.
    /// </exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public ValueTask CheckAsync(CancellationToken cancellationToken = default) => Store.CheckAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="transaction"/> is null.</exception>
    public ValueTask CheckTransactionAsync(DbTransaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return Store.RequireSameDatabaseAsync(transaction, cancellationToken);
    }

    /// <inheritdoc/>
    public void Wake() => Enqueued?.Invoke();

    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="items"/> or one of them is null.</exception>
    /// <exception cref="ArgumentException">
    /// There are none or more than 10,000 items, a webhook breaks a rule, or <paramref name="transaction"/> is completed, runs on another
    /// database, or has a <c>search_path</c> that leads to the tables of another schema.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// <paramref name="transaction"/> is null inside a <see cref="System.Transactions.TransactionScope"/>, or the tables were not created.
    /// </exception>
    /// <exception cref="DbException">The database refused a statement or is gone.</exception>
    public async ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        if (items.Count is 0 or > MaxItems)
        {
            throw new ArgumentException($"A call enqueues 1 to {MaxItems} webhooks.", nameof(items));
        }

        OutboxDraft[] drafts = [.. items.Select(Draft)];
        if (OutboxTelemetry.Enqueue(items) is { } span)
        {
            Array.ForEach(drafts, draft => draft.TraceParent = span);
        }

        FindRepeated(drafts);
        Guid installation = await Store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        if (transaction is not null)
        {
            await Store.RequireSameDatabaseAsync(transaction, cancellationToken).ConfigureAwait(false);
            await EnqueueAsync(transaction, drafts, installation, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            OutboxDraft[] left = IsOneStatement(drafts)
                ? await AppendAsync(null, drafts, installation, cancellationToken).ConfigureAwait(false)
                : drafts;
            if (left.Length > 0)
            {
                OutboxTransaction own = await Store.BeginAsync(cancellationToken).ConfigureAwait(false);
                await using (own.ConfigureAwait(false))
                {
                    await EnqueueAsync(own.Transaction, left, installation, cancellationToken).ConfigureAwait(false);
                    await own.CommitAsync(cancellationToken).ConfigureAwait(false);
                }
            }

            Enqueued?.Invoke();
        }

        return [.. drafts.Select(static draft => draft.Receipt)];
    }

    /// <summary>Lists webhooks that are not delivered yet: those that were attempted, then the others.</summary>
    /// <param name="limit">The most webhooks. 1 to 1,000.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is outside 1 to 1,000.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<IReadOnlyList<WaitingWebhook>> ListWaitingAsync(int limit = 100, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, MaxListed);
        Guid installation = await Store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        return await Store.ListWaitingAsync(limit, row => row.Describe(Seal, installation), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or is gone.</exception>
    public async ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentException.ThrowIfNullOrEmpty(deliveryId);
        return await Store.FindStateAsync(tenant, deliveryId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads the state of the outbox and of the living workers of all processes.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask<OutboxStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        OutboxCounts counts = await Store.CountAsync(cancellationToken).ConfigureAwait(false);
        return new OutboxStatus
        {
            Waiting = counts.Waiting,
            Parked = counts.Parked,
            Dead = counts.Dead,
            DeadByReason = counts.Dead == 0 ? [] : await DeadLetters.CountReasonsAsync(cancellationToken).ConfigureAwait(false),
            OldestDue = counts.OldestDue,
            Workers = counts.Workers,
            UnownedLanes = counts.UnownedLanes,
            Lanes = OutboxLanes.Count - counts.UnownedLanes,
        }.With(counts.Figures);
    }

    /// <summary>Deletes dead letters, delivery ids and streams that outlived their time.</summary>
    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or is gone.</exception>
    public ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default) => Store.PurgeAsync(cancellationToken);

    /// <summary>Ends the outbox's own work. Dispose its workers first.</summary>
    public ValueTask DisposeAsync() => Store.DisposeAsync();

    internal void AddWorker(OutboxWorker worker)
    {
        lock (_lock)
        {
            _workers = [.. _workers, worker];
        }
    }

    internal void RemoveWorker(OutboxWorker worker)
    {
        lock (_lock)
        {
            _workers = [.. _workers.Where(other => !ReferenceEquals(other, worker))];
        }
    }

    /// <summary>Tells other processes. A fault of the wake-up must not look like a fault of the commit before it.</summary>
    private void Notify()
    {
        try
        {
            _options.WakeUp!.Notify();
        }
        catch (Exception fault)
        {
            if (Interlocked.Exchange(ref _hasNotifyFailed, 1) == 0)
            {
                NotifyFailed(GuardedLogger.Of(_options.Logger), _options.WakeUp!.GetType().Name, fault.Message);
            }
        }
    }

    /// <summary>Judges an item before anything is written, so that a fault leaves the caller's transaction usable.</summary>
    private OutboxDraft Draft(OutboxItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        if (item.Payload is WebhookChallenge)
        {
            throw new ArgumentException("An ownership challenge needs its answer at once and cannot be enqueued. Use the sender.",
                nameof(item));
        }

        string key = item.Payload.IdempotencyKey ?? IdempotencyKeys.Create();
        KeyedPayload payload = new(item.Payload, key);
        long? probe = payload.CarriesSequenceNumber ? 1 : null;
        if (probe is not null && item.Options.SequenceKey is null)
        {
            throw new ArgumentException(
                "The payload carries a sequence number: set OutboxOptions.SequenceKey to the stream that numbers it.", nameof(item));
        }

        if (item.Options is { KeepsOrder: true, SequenceKey: null })
        {
            throw new ArgumentException(
                "The order of a webhook is kept within a stream: set OutboxOptions.SequenceKey.", nameof(item));
        }

        PreparedWebhook webhook = _sender.Prepare(item.Destination, payload, probe);
        if (webhook.Headers?.Count > OutboxWebhook.MaxHeaders)
        {
            throw new ArgumentException($"A webhook has at most {OutboxWebhook.MaxHeaders} headers.", nameof(item));
        }

        OutboxBinding? binding = null;
        if (item.Options.DeliveryId is { } id)
        {
            TimeSpan retires = _options.RetryHorizon + (item.Options.MaxAge ?? TimeSpan.Zero);
            AdcpVersion version = _sender.Facts?.Version ?? AdcpVersion.V32;
            binding = new OutboxBinding(
                OutboxHash.Binding(item.Options.Tenant, id), OutboxHash.Fingerprint(item, version), key, retires,
                retires + _options.DeliveryIdRetention)
            {
                NotBefore = item.Options.NotBefore,
            };
        }

        return new OutboxDraft(item, payload, key, webhook, binding);
    }

    /// <summary>
    /// Returns whether one statement of its own transaction may enqueue all drafts. Those whose delivery id is bound already are answered
    /// after its commit: if a fault comes between, the caller repeats the call, and every webhook is known by its delivery id.
    /// </summary>
    private static bool IsOneStatement(OutboxDraft[] drafts) => !Array.Exists(drafts, static draft => draft.IsNumbered)
        && (Array.TrueForAll(drafts, static draft => draft.Binding is null)
            || Array.TrueForAll(drafts, static draft => draft.Binding is not null));

    /// <summary>Finds the drafts of a call whose delivery id an earlier one has.</summary>
    private static void FindRepeated(OutboxDraft[] drafts)
    {
        if (drafts.Length == 1)
        {
            return;
        }

        Dictionary<string, OutboxDraft> first = new(StringComparer.Ordinal);
        foreach (OutboxDraft draft in drafts)
        {
            if (draft.Binding is { } binding)
            {
                string hash = Convert.ToHexString(binding.Hash);
                if (!first.TryAdd(hash, draft))
                {
                    draft.Same = first[hash];
                }
            }
        }
    }

    private async ValueTask EnqueueAsync(
        DbTransaction transaction, OutboxDraft[] drafts, Guid installation, CancellationToken cancellationToken)
    {
        // Only a new webhook may draw a number, so that numbers have no gap: its delivery id is bound before.
        OutboxDraft[] left = Array.Exists(drafts, static draft => draft.IsNumbered)
            ? [.. drafts.Where(static draft => draft.Same is null)]
            : await AppendAsync(transaction, drafts, installation, cancellationToken).ConfigureAwait(false);
        if (left.Length == 0)
        {
            return;
        }

        await BindAsync(transaction, left, cancellationToken).ConfigureAwait(false);
        OutboxDraft[] numbered = [.. left.Where(static draft => draft.IsNew && draft.IsNumbered)];
        if (numbered.Length > 0)
        {
            long[] numbers = await Store.DrawNumbersAsync(
                transaction, [.. numbered.Select(static draft => StreamOf(draft.Item.Options))], cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < numbers.Length; i++)
            {
                OutboxDraft draft = numbered[i];
                draft.SequenceNumber = numbers[i];
                if (draft.Payload.CarriesSequenceNumber)
                {
                    draft.Webhook = _sender.Prepare(draft.Item.Destination, draft.Payload, numbers[i]);
                }
            }

            // So that a repeated call gets the number of the first one.
            (byte[] Hash, long Number)[] bound =
            [
                .. numbered.Where(static draft => draft.IsBound)
                    .Select(static draft => (draft.Binding!.Hash, draft.SequenceNumber!.Value)),
            ];
            if (bound.Length > 0)
            {
                await Store.KeepNumbersAsync(transaction, bound, cancellationToken).ConfigureAwait(false);
            }
        }

        await AppendAsync(transaction, left, installation, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Binds the delivery ids, and answers the drafts whose id was bound before.</summary>
    private async ValueTask BindAsync(DbTransaction transaction, OutboxDraft[] drafts, CancellationToken cancellationToken)
    {
        OutboxDraft[] bound = [.. drafts.Where(static draft => draft.Binding is not null)];
        if (bound.Length == 0)
        {
            return;
        }

        OutboxBinding?[] earlier = await Store
            .BindAsync(transaction, [.. bound.Select(static draft => draft.Binding!)], cancellationToken).ConfigureAwait(false);
        for (int i = 0; i < bound.Length; i++)
        {
            bound[i].Earlier = earlier[i];
            bound[i].IsBound = true;
        }
    }

    /// <summary>Appends the rows of the new drafts. Delivery ids that are not bound yet are bound with them.</summary>
    /// <returns>The drafts whose delivery id was bound before, so that they have no row.</returns>
    private async ValueTask<OutboxDraft[]> AppendAsync(
        DbTransaction? transaction, OutboxDraft[] drafts, Guid installation, CancellationToken cancellationToken)
    {
        OutboxDraft[] added = [.. drafts.Where(static draft => draft.IsNew)];
        if (added.Length == 0)
        {
            return added;
        }

        OutboxEntry[] entries = [.. added.Select(draft => Entry(draft, installation))];
        long[] ids = await Store.AppendAsync(transaction, entries, cancellationToken).ConfigureAwait(false);
        for (int i = 0; i < ids.Length; i++)
        {
            added[i].Id = ids[i];
        }

        return [.. added.Where(static draft => draft.Id == 0)];
    }

    private OutboxEntry Entry(OutboxDraft draft, Guid installation)
    {
        OutboxOptions options = draft.Item.Options;
        short lane = OutboxHash.Lane(draft.Item.Destination);
        long endpoint = OutboxHash.Endpoint(draft.Webhook, options);
        long tenant = OutboxHash.Tenant(options.Tenant);
        OutboxWebhook webhook = new(draft.Webhook, options, draft.SequenceNumber, draft.TraceParent);
        return new OutboxEntry
        {
            Lane = lane,
            Endpoint = endpoint,
            Tenant = tenant,
            NotBefore = options.NotBefore,
            MaxAge = options.MaxAge,
            Stream = options.KeepsOrder ? OutboxHash.Stream(lane, options) : null,
            Number = options.KeepsOrder ? draft.SequenceNumber : null,
            Binding = draft.Binding?.Hash,
            Binds = draft.IsBound ? null : draft.Binding,
            KeyId = Seal.KeyId,
            Sealed = Seal.Seal(webhook, installation, lane, endpoint, tenant),
        };
    }

    /// <summary>Streams belong to their tenant.</summary>
    private static string StreamOf(OutboxOptions options) =>
        Convert.ToHexStringLower(OutboxHash.Binding(options.Tenant, options.SequenceKey!));

    [LoggerMessage(
        StorageEventIds.OutboxNotifyFailed, LogLevel.Warning,
        "The wake-up {WakeUp} of the outbox failed: {Fault}. Webhooks of this process are found by polling in other processes.")]
    private static partial void NotifyFailed(ILogger logger, string wakeUp, string fault);
}
