using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The laws of an outbox's store, for each dialect. The parts of this class are one file each; this one has the means.</summary>
public abstract partial class OutboxStoreContract : IAsyncLifetime
{
    private protected static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private protected static readonly TimeSpan Horizon = TimeSpan.FromHours(24);
    private protected static readonly Guid Me = Guid.NewGuid();
    private protected static readonly short[] AllLanes = [.. Enumerable.Range(0, OutboxLanes.Count).Select(static lane => (short)lane)];
    private protected static readonly (long DueAt, long Id) Start = (long.MinValue, long.MinValue);

    private protected TestDatabase Database { get; private set; } = null!;

    private protected OutboxTables Tables { get; private set; } = new(OutboxTables.DefaultPrefix);

    private protected OutboxStore Store { get; private set; } = null!;

    private protected abstract SqlDialect Dialect { get; }

    /// <summary>
    /// Gets the columns that hold times of the database's clock, in milliseconds, and their tables. <see cref="PassAsync"/> moves them.
    /// </summary>
    private protected virtual (string Table, string[] Columns)[] Times =>
    [
        (Tables.Worker, ["expires_at"]),
        (Tables.Log, ["enqueued_at", "not_before", "max_at", "first_attempt_at", "horizon_at"]),
        (Tables.Parked, ["enqueued_at", "due_at", "max_at", "first_attempt_at", "horizon_at"]),
        (Tables.Dead, ["enqueued_at", "max_at", "first_attempt_at", "horizon_at", "ended_at", "kept_until"]),
        (Tables.Binding, ["retires_at", "kept_until"]),
        (Tables.Stream, ["used_at"]),
    ];

    public async ValueTask InitializeAsync()
    {
        Database = await CreateDatabaseAsync();
        Store = Open(Database.Source, Tables);
        await Store.CreateIfAbsentAsync(default);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected virtual Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreateAsync(Dialect);

    /// <summary>Opens a store as another process would.</summary>
    private protected abstract OutboxStore Open(DbDataSource source, OutboxTables tables, TimeSpan? deadKept = null);

    /// <summary>Makes the tables' schema look newer than this program.</summary>
    private protected abstract Task MakeSchemaNewerAsync();

    /// <summary>Lets time pass: moves all times in the tables back.</summary>
    private protected virtual async Task PassAsync(TimeSpan time)
    {
        long by = (long)time.TotalMilliseconds;
        foreach ((string table, string[] columns) in Times)
        {
            string moves = string.Join(", ", columns.Select(column => $"{column} = {column} - {by}"));
            await Database.ExecuteAsync($"UPDATE {table} SET {moves}");
        }
    }

    private protected static OutboxEntry Entry(
        string text, short lane = 0, long endpoint = 7, long tenant = 9, TimeSpan notBefore = default, TimeSpan? maxAge = null,
        byte[]? binding = null, long? stream = null, long? number = null, OutboxBinding? binds = null) => new()
        {
            Stream = stream,
            Number = number,
            Lane = lane,
            Endpoint = endpoint,
            Tenant = tenant,
            NotBefore = notBefore == default ? null : TimeProvider.System.GetUtcNow() + notBefore,
            MaxAge = maxAge,
            Binding = binding,
            Binds = binds,
            KeyId = "key-1",
            Sealed = Encoding.UTF8.GetBytes(text),
        };

    private protected static string Text(OutboxRow row) => Encoding.UTF8.GetString(row.Sealed);

    private protected static string[] Texts(IEnumerable<OutboxRow> rows) => [.. rows.Select(Text).Order(StringComparer.Ordinal)];

    private protected static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private protected ValueTask<long[]> AppendAsync(params OutboxEntry[] entries) => Store.AppendAsync(null, entries, default);

    /// <summary>Runs work in a transaction of the caller's.</summary>
    private protected async Task InTransactionAsync(Func<DbTransaction, Task> work, bool commit = true)
    {
        await using DbConnection connection = await Database.Source.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        await work(transaction);
        await (commit ? transaction.CommitAsync() : transaction.RollbackAsync());
    }

    private protected OutboxReader Reader(params short[] lanes)
    {
        OutboxReader reader = Store.OpenReader();
        reader.Join(lanes.Length == 0 ? AllLanes : lanes);
        return reader;
    }

    /// <summary>Reads until there is nothing more, as an idle worker does.</summary>
    private protected static async Task<List<OutboxRow>> ReadAllAsync(OutboxReader reader, int limit = 1000)
    {
        List<OutboxRow> rows = [];
        for (int calls = 0;
            await reader.MayFindAsync(default) && await reader.ReadAsync(rows, limit, long.MaxValue, false, default);
            calls++)
        {
            Assert.True(calls < 10_000, "The reader does not come to an end.");
        }

        return rows;
    }

    /// <summary>Reads the whole log with a reader of its own, as after a takeover.</summary>
    private protected async Task<List<OutboxRow>> LogAsync()
    {
        await using OutboxReader reader = Reader();
        return await ReadAllAsync(reader);
    }

    private protected async Task<OutboxRow> OneAsync() => Assert.Single(await LogAsync());

    /// <summary>Reads due rows of an endpoint.</summary>
    private protected async Task<(List<OutboxRow> Rows, TimeSpan? Next)> ParkedAsync(
        short lane = 0, long endpoint = 7, (long DueAt, long Id)? after = null, int limit = 100)
    {
        await using OutboxReader reader = Store.OpenReader();
        List<OutboxRow> rows = [];
        TimeSpan? next = await reader.ReadParkedAsync(lane, endpoint, after ?? Start, limit, long.MaxValue, rows, default);
        return (rows, next);
    }

    /// <summary>Adds the worker that settles in this test; its lease does not end by itself.</summary>
    private protected async Task JoinAsync(Guid? worker = null) => await Store.JoinAsync(worker ?? Me, "test", Lease, default);

    /// <summary>Ends the lease of a worker, as its death would in time.</summary>
    private protected async Task ExpireAsync(Guid worker) =>
        await Store.RenewAsync(worker, TimeSpan.FromSeconds(-10), false, default, default);

    private protected async Task<int> SettleAsync(params OutboxChange[] changes) => await SettleAsync(Me, changes);

    private protected async Task<int> SettleAsync(Guid worker, params OutboxChange[] changes)
    {
        await using OutboxSettler settler = Store.OpenSettler();
        await settler.SettleAsync(worker, changes, default);
        return changes.Count(static change => change.IsApplied);
    }

    private protected static OutboxChange Delivered(OutboxRow row) =>
        new() { Row = row, Kind = OutboxChangeKind.Delivered, Attempts = row.Attempts + 1, Horizon = Horizon, StatusCode = 200 };

    private protected static OutboxChange Park(OutboxRow row, TimeSpan delay = default, int attempts = 1, TimeSpan? horizon = null) => new()
    {
        Row = row,
        Kind = OutboxChangeKind.Park,
        Delay = delay,
        Attempts = attempts,
        Horizon = horizon ?? Horizon,
        Reason = "server_error",
        StatusCode = 503,
    };

    private protected static OutboxChange Dead(OutboxRow row, string reason = "rejected", int attempts = 1, int statusCode = 410) => new()
    {
        Row = row,
        Kind = OutboxChangeKind.Dead,
        Attempts = attempts,
        Horizon = Horizon,
        Reason = reason,
        StatusCode = statusCode,
    };

    private protected static OutboxBinding Binding(string id, string payload = "payload", string key = "whk_1") =>
        new(Hash(id), Hash(payload), key, TimeSpan.FromDays(1), TimeSpan.FromDays(31));

    private protected async Task<OutboxBinding?> BindAsync(OutboxBinding binding)
    {
        OutboxBinding?[] earlier = [];
        await InTransactionAsync(async transaction => earlier = await Store.BindAsync(transaction, [binding], default));
        return Assert.Single(earlier);
    }

    private protected async Task<IReadOnlyList<OutboxDeadRow>> DeadAsync() =>
        await Store.Dead.ListAsync(new OutboxDeadFilter(null, null, null), long.MaxValue, 100, default);
}
