using System.Data.Common;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Platform;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Adcp.Aot.Verification;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>
/// The contracts of Adcp.Aot.Testing find implementations that are wrong. Our own implementations run the contracts in their own tests.
/// </summary>
public sealed class ContractTests
{
    [Fact]
    public Task Claim_store_that_ignores_the_payload_is_found() => FoundAsync(
        new Claims().CheckAsync, "IWebhookClaimStore", "Another payload under a key is a conflict until the retention ends",
        "Expected Conflict, but was InProgress");

    [Fact]
    public Task Claim_store_that_ignores_the_payload_breaks_the_model() => FoundAsync(
        new Claims().CheckAsync, "IWebhookClaimStore", "Any sequence of calls gives the results of the model",
        "the last of these calls: ");

    [Fact]
    public Task Replay_cache_that_ignores_the_sender_is_found() => FoundAsync(
        new Nonces().CheckAsync, "IReplayCache", "A nonce is admitted once for each key of each sender",
        "Expected Added, but was Replayed");

    [Fact]
    public Task Idempotency_store_that_knows_every_request_is_found() => FoundAsync(
        new Requests().CheckAsync, "IIdempotencyStore", "A request is known from its claim to its release",
        "Expected False, but was True");

    [Fact]
    public Task Idempotency_store_without_unresolved_requests_is_found() => FoundAsync(
        new Requests().CheckAsync, "IUnresolvedRequestStore", "An unresolved request is resolved once",
        "does not implement IUnresolvedRequestStore");

    [Fact]
    public Task Task_registry_that_ignores_the_limit_is_found() => FoundAsync(
        new Registry().CheckAsync, "ITaskRegistry", "Pages hold each task once and the latest change first",
        "Expected 5, but was 7");

    [Fact]
    public Task Task_store_that_overwrites_is_found() => FoundAsync(
        new Tasks().CheckAsync, "ITaskStore", "A save under another version is a conflict and changes nothing",
        "Expected TaskSave { Status = Conflict, Version = 2 }");

    [Fact]
    public Task Push_configuration_store_that_asks_no_guard_is_found() => FoundAsync(
        new Configs().CheckAsync, "IPushNotificationConfigStore", "A url that the guard refuses is not stored",
        "Status = DestinationRefused");

    [Fact]
    public async Task Sink_that_keeps_pooled_records_is_found_by_the_fault_of_the_record()
    {
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
            () => new Sink().CheckAsync("A record is not read after its call has ended", TestContext.Current.CancellationToken));

        Assert.Contains("was used after RecordAsync returned", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public Task Outbox_that_forgets_delivery_ids_is_found() => FoundAsync(
        new Outbox().CheckAsync, "IWebhookOutbox", "A delivery id is enqueued once and keeps its key",
        "Expected (AlreadyEnqueued");

    [Theory]
    [InlineData("A new key is owned once and a completed one stays completed")]
    [InlineData("A renewed claim holds")]
    public Task Rule_that_a_wrong_store_keeps_is_passed(string rule) =>
        new Claims().CheckAsync(rule, TestContext.Current.CancellationToken);

    [Fact]
    public async Task Rule_has_a_name_of_the_contract()
    {
        ArgumentException unknown = await Assert.ThrowsAsync<ArgumentException>(() => new Claims().CheckAsync("No such rule"));

        Assert.Contains("IWebhookClaimStore has no rule 'No such rule'", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_check_is_no_broken_rule() => await Assert.ThrowsAnyAsync<OperationCanceledException>(
        () => new Sink().CheckAsync(DeliveryLogSinkContract.Rules[0], new CancellationToken(canceled: true)));

    [Fact]
    public void Rules_of_a_contract_have_names_of_their_own()
    {
        IReadOnlyList<string>[] contracts =
        [
            ClaimStoreContract.Rules, ReplayCacheContract.Rules,
            [.. IdempotencyStoreContract.Rules, .. IdempotencyStoreContract.UnresolvedRules], TaskRegistryContract.Rules,
            TaskStoreContract<string>.Rules, PushConfigStoreContract.Rules, DeliveryLogSinkContract.Rules, WebhookOutboxContract.Rules,
        ];

        Assert.All(contracts, static rules => Assert.Equal(rules.Count, rules.Distinct(StringComparer.Ordinal).Count()));
    }

    private static async Task FoundAsync(
        Func<string, CancellationToken, Task> checkAsync, string subject, string rule, string seen)
    {
        ContractException broken = await Assert.ThrowsAsync<ContractException>(
            () => checkAsync(rule, TestContext.Current.CancellationToken));

        Assert.StartsWith($"{subject} breaks the rule '{rule}'. ", broken.Message, StringComparison.Ordinal);
        Assert.Contains(seen, broken.Message, StringComparison.Ordinal);
    }

    private sealed class Claims : ClaimStoreContract
    {
        private readonly FakeTimeProvider _time = new();

        protected override ValueTask<IWebhookClaimStore> OpenAsync(int maxKeysPerSender, CancellationToken cancellationToken) =>
            new(new Wrong(new DevelopmentWebhookClaimStore(maxKeysPerSender, _time)));

        protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            _time.Advance(time);
            return default;
        }

        private sealed class Wrong(DevelopmentWebhookClaimStore inner) : IWebhookClaimStore
        {
            public bool IsDurable => false;

            public ValueTask<WebhookClaim> ClaimAsync(
                string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
                CancellationToken cancellationToken) =>
                inner.ClaimAsync(sender, idempotencyKey, new byte[32], lease, retention, cancellationToken);

            public ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken) =>
                inner.RenewAsync(claim, lease, cancellationToken);

            public ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
                inner.CompleteAsync(claim, cancellationToken);

            public ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
                inner.ReleaseAsync(claim, cancellationToken);
        }
    }

    private sealed class Nonces : ReplayCacheContract
    {
        private readonly FakeTimeProvider _time = new();

        protected override DateTimeOffset Now => _time.GetUtcNow();

        protected override ValueTask<IReplayCache> OpenAsync(
            int maxPerKey, int maxTotal, int maxPerSender, CancellationToken cancellationToken) =>
            new(new Wrong(new InMemoryReplayCache(maxPerKey, maxTotal, _time, maxPerSender)));

        protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            _time.Advance(time);
            return default;
        }

        private sealed class Wrong(InMemoryReplayCache inner) : IReplayCache
        {
            public ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken) =>
                inner.HasRoomAsync("", keyId, cancellationToken);

            public ValueTask<ReplayAdmission> TryAddAsync(
                string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
                inner.TryAddAsync("", keyId, nonce, expiresAt, cancellationToken);
        }
    }

    private sealed class Requests : IdempotencyStoreContract
    {
        protected override ValueTask<IIdempotencyStore> OpenAsync(CancellationToken cancellationToken) =>
            new(new Wrong(new InMemoryIdempotencyStore()));

        protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken) => default;

        private sealed class Wrong(InMemoryIdempotencyStore inner) : IIdempotencyStore
        {
            public bool IsDurable => false;

            public TimeSpan ReplayTimeToLive => inner.ReplayTimeToLive;

            public ValueTask<IdempotencyClaim> ClaimAsync(
                string tenant, string request, string fingerprint, TimeSpan lease, CancellationToken cancellationToken) =>
                inner.ClaimAsync(tenant, request, fingerprint, lease, cancellationToken);

            public ValueTask<bool> IsKnownAsync(string tenant, string request, CancellationToken cancellationToken) => new(true);

            public ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken) =>
                inner.RenewAsync(claim, lease, cancellationToken);

            public ValueTask<bool> NoteTaskAsync(IdempotencyClaim claim, string taskId, CancellationToken cancellationToken) =>
                inner.NoteTaskAsync(claim, taskId, cancellationToken);

            public ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken) =>
                inner.CompleteAsync(claim, answer, cancellationToken);

            public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken) =>
                inner.ReleaseAsync(claim, cancellationToken);

            public ValueTask<bool> SuspendAsync(IdempotencyClaim claim, CancellationToken cancellationToken) =>
                inner.SuspendAsync(claim, cancellationToken);
        }
    }

    private sealed class Registry : TaskRegistryContract
    {
        private readonly FakeTimeProvider _time = new();
        private Wrong? _registry;

        protected override DateTimeOffset Now => _time.GetUtcNow();

        protected override ValueTask<ITaskRegistry> OpenAsync(CancellationToken cancellationToken) =>
            new(_registry ??= new Wrong(new InMemoryTaskRegistry(timeProvider: _time)));

        protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            _time.Advance(time);
            return default;
        }

        private sealed class Wrong(InMemoryTaskRegistry inner) : ITaskRegistry
        {
            public ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken) =>
                inner.CreateAsync(task, cancellationToken);

            public ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken) =>
                inner.FindAsync(tenant, taskId, cancellationToken);

            public ValueTask<TaskTransition> TransitionAsync(
                string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result,
                Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit, CancellationToken cancellationToken) =>
                inner.TransitionAsync(tenant, taskId, status, result, beforeCommit, cancellationToken);

            public ValueTask<TaskTransition> RegisterAsync(
                string tenant, string taskId, PushRegistration? registration, CancellationToken cancellationToken) =>
                inner.RegisterAsync(tenant, taskId, registration, cancellationToken);

            public ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken) =>
                inner.ListAsync(tenant, query, cancellationToken);

            public ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken) =>
                inner.CountAsync(tenant, query, int.MaxValue, cancellationToken);
        }
    }

    /// <summary>A task is its facts. The store overwrites whatever is there.</summary>
    private sealed class Tasks : TaskStoreContract<Tasks.Note>
    {
        protected override DateTimeOffset Now => DateTimeOffset.UnixEpoch;

        protected override ValueTask<ITaskStore<Note>> OpenAsync(CancellationToken cancellationToken) => new(new Wrong());

        protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken) => default;

        protected override Note Create(TaskFacts facts) => new(facts);

        protected override TaskFacts FactsOf(Note task) => task.Facts;

        internal sealed record Note(TaskFacts Facts);

        private sealed class Wrong : ITaskStore<Note>
        {
            private readonly Dictionary<(StoreScope, string), StoredTask<Note>> _tasks = [];

            public ValueTask<StoredTask<Note>?> GetAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) =>
                new(_tasks.GetValueOrDefault((scope, taskId)));

            public ValueTask<TaskSave> SaveAsync(
                StoreScope scope, Note task, long expectedVersion, CancellationToken cancellationToken)
            {
                long version = (_tasks.GetValueOrDefault((scope, task.Facts.TaskId))?.Version ?? 0) + 1;
                _tasks[(scope, task.Facts.TaskId)] = new StoredTask<Note>(task, version, DateTimeOffset.UnixEpoch);
                return new(new TaskSave(TaskSaveStatus.Saved, version));
            }

            public ValueTask<TaskSave> SaveAsync(
                StoreScope scope, Note task, long expectedVersion, Func<DbTransaction, CancellationToken, ValueTask>? beforeCommit,
                CancellationToken cancellationToken) => SaveAsync(scope, task, expectedVersion, cancellationToken);

            public ValueTask<bool> DeleteAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) =>
                new(_tasks.Remove((scope, taskId)));

            public ValueTask<TaskPage<Note>> ListAsync(StoreScope scope, TaskQuery query, CancellationToken cancellationToken) =>
                throw new NotSupportedException();

            public ValueTask<int> CountAsync(StoreScope scope, TaskQuery query, int limit, CancellationToken cancellationToken) =>
                throw new NotSupportedException();
        }
    }

    private sealed class Configs : PushConfigStoreContract
    {
        protected override ValueTask<IPushNotificationConfigStore> OpenAsync(int maxPerTask, CancellationToken cancellationToken) =>
            new(new Wrong());

        protected override ValueTask AddTaskAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) => default;

        protected override ValueTask DeleteTaskAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) => default;

        private sealed class Wrong : IPushNotificationConfigStore
        {
            public ValueTask<PushConfigSave> SaveAsync(StoreScope scope, PushConfig config, CancellationToken cancellationToken) =>
                new(new PushConfigSave(PushConfigSaveStatus.Saved, config));

            public ValueTask<PushConfig?> GetAsync(
                StoreScope scope, string taskId, string configId, CancellationToken cancellationToken) => default;

            public ValueTask<IReadOnlyList<PushConfig>> ListAsync(
                StoreScope scope, string taskId, bool activeOnly, CancellationToken cancellationToken) => new([]);

            public ValueTask<bool> SetActiveAsync(
                StoreScope scope, string taskId, string configId, bool isActive, CancellationToken cancellationToken) => default;

            public ValueTask<bool> DeleteAsync(StoreScope scope, string taskId, string configId, CancellationToken cancellationToken) =>
                default;
        }
    }

    private sealed class Sink : DeliveryLogSinkContract, IDeliveryLogSink
    {
        private readonly List<DeliveryAttempt> _kept = [];

        public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
        {
            _kept.AddRange(attempts.Span);
            return default;
        }

        protected override ValueTask<IDeliveryLogSink> OpenAsync(CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new(this);
        }

        protected override ValueTask<IReadOnlyList<RecordedAttempt>> ReadAsync(CancellationToken cancellationToken) =>
            new([.. _kept.Select(static attempt => new RecordedAttempt(attempt.IdempotencyKey, attempt.AttemptNumber))]);
    }

    private sealed class Outbox : WebhookOutboxContract
    {
        protected override ValueTask<IWebhookOutbox> OpenAsync(CancellationToken cancellationToken) => new(new Wrong());

        protected override ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken) =>
            new(new SqliteConnection("Data Source=:memory:"));

        private sealed class Wrong : IWebhookOutbox
        {
            private int _count;

            public TimeSpan? RetryHorizon => null;

            public ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
                DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken) =>
                new([.. items.Select(_ => new OutboxReceipt(EnqueueStatus.Enqueued, ++_count, $"whk_{_count}"))]);

            public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
                new(OutboxDeliveryState.Waiting);
        }
    }
}
