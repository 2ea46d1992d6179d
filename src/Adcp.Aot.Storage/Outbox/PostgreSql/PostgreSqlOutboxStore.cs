using System.Buffers;
using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Security.Cryptography;

namespace Adcp.Aot.Storage;

/// <summary>
/// An outbox on PostgreSQL 13 or newer, also behind PgBouncer in transaction mode: no session keeps a state between transactions.
/// </summary>
/// <remarks>The tables, and the order in which rows are locked, are in <see cref="PostgreSqlOutboxSchema"/>.</remarks>
internal sealed partial class PostgreSqlOutboxStore : OutboxStore
{
    /// <summary>The most rows of one statement.</summary>
    private const int MaxRowsPerStatement = 1_000;

    /// <summary>The bytes of rows from which a statement takes no more of them.</summary>
    private const int MaxBytesPerStatement = 4 << 20;

    /// <summary>The most databases of callers that are remembered.</summary>
    private const int MaxKnownDatabases = 64;

    /// <summary>A binding that is neither new nor there was purged in between. It is bound again, but not without end.</summary>
    private const int MaxBindRounds = 5;

    private readonly StoreDatabase _database;
    private readonly PostgreSqlOutboxSwitchTable _switches;
    private readonly TimeProvider _time;
    private readonly PostgreSqlOutboxSchema _schema;
    private readonly PostgreSqlOutboxStatements _statements;
    private readonly PostgreSqlStoreStatements _sql;
    private readonly ConcurrentDictionary<string, bool> _sameDatabases = new(StringComparer.Ordinal);
    private readonly Action<string>? _warn;
    private Guid _installation;
    private long _logTable;
    private int _hasWarned;

    /// <param name="database">The database.</param>
    /// <param name="tables">The tables.</param>
    /// <param name="time">The clock of the process.</param>
    /// <param name="warn">Gets one text if commits of connections that enqueue may be lost.</param>
    /// <param name="deadKept">
    /// The time for which dead letters are kept; <see langword="null"/> for the default of the options.
    /// </param>
    internal PostgreSqlOutboxStore(
        StoreDatabase database, OutboxTables tables, TimeProvider time, Action<string>? warn = null, TimeSpan? deadKept = null)
    {
        _warn = warn;
        _database = database;
        _time = time;
        _schema = new PostgreSqlOutboxSchema(tables);
        _statements = new PostgreSqlOutboxStatements(tables, deadKept ?? SqlWebhookOutboxOptions.DefaultDeadLetterRetention);
        _sql = new PostgreSqlStoreStatements(tables);
        Dead = new PostgreSqlOutboxDeadTable(database, _sql);
        _switches = new PostgreSqlOutboxSwitchTable(database, _sql);
        _renewals = new PostgreSqlOutboxConnection(database);
    }

    internal PostgreSqlOutboxStatements Statements => _statements;

    internal override OutboxDeadTable Dead { get; }

    internal override OutboxSwitchTable Switches => _switches;

    internal override async ValueTask<Guid> InstallationAsync(CancellationToken cancellationToken)
    {
        if (_installation == Guid.Empty)
        {
            _installation = await RepeatableAsync(
                (connection, token) => connection.Command(_sql.Installation).OneAsync(static reader => reader.GetGuid(0), token),
                cancellationToken).ConfigureAwait(false);
        }

        return _installation;
    }

    internal override ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken) =>
        _schema.CreateIfAbsentAsync(_database.Source, cancellationToken);

    internal override async ValueTask CheckAsync(CancellationToken cancellationToken)
    {
        await _schema.CheckAsync(_database.Source, cancellationToken).ConfigureAwait(false);
        (_, bool isRisky, _) = await OwnIdentityAsync(cancellationToken).ConfigureAwait(false);
        WarnIf(isRisky);
    }

    internal override async ValueTask<long[]> DrawNumbersAsync(
        DbTransaction transaction, IReadOnlyList<string> streams, CancellationToken cancellationToken)
    {
        string[] keys = [.. streams.Select(KeyText.Of)];
        KeyValuePair<string, int>[] drawn =
            [.. keys.CountBy(static key => key).OrderBy(static stream => stream.Key, StringComparer.Ordinal)];
        DbCommand command = Command(transaction, _sql.Draw)
            .With(DbType.String, PostgreSqlCommands.ArrayOf(drawn, static stream => stream.Key))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(drawn, static stream => (long)stream.Value));
        Dictionary<string, long> next = new(StringComparer.Ordinal);
        foreach ((string key, long last) in await command
            .AllAsync(static reader => (reader.GetString(0), reader.GetInt64(1)), cancellationToken).ConfigureAwait(false))
        {
            next[key] = last;
        }

        foreach ((string key, int count) in drawn)
        {
            next[key] -= count;
        }

        long[] numbers = new long[keys.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            numbers[i] = ++next[keys[i]];
        }

        return numbers;
    }

    internal override async ValueTask<OutboxBinding?[]> BindAsync(
        DbTransaction transaction, IReadOnlyList<OutboxBinding> bindings, CancellationToken cancellationToken)
    {
        // The first entry of a hash is bound, and it is the earlier binding of the others.
        Dictionary<string, OutboxBinding> firsts = new(StringComparer.Ordinal);
        string[] hashes = [.. bindings.Select(static binding => Convert.ToHexStringLower(binding.Hash))];
        for (int i = 0; i < hashes.Length; i++)
        {
            firsts.TryAdd(hashes[i], bindings[i]);
        }

        Dictionary<string, OutboxBinding> earlier = new(StringComparer.Ordinal);
        HashSet<string> open = [.. firsts.Keys];
        for (int round = 0; open.Count > 0; round++)
        {
            if (round == MaxBindRounds)
            {
                throw new InvalidOperationException("A delivery id could not be bound: its row is neither added nor found. Try again.");
            }

            string[] sorted = [.. open.Order(StringComparer.Ordinal)];
            foreach (byte[] bound in await InsertAsync(transaction, sorted, firsts, cancellationToken).ConfigureAwait(false))
            {
                open.Remove(Convert.ToHexStringLower(bound));
            }

            if (open.Count > 0)
            {
                DbCommand command = Command(transaction, _sql.Bound)
                    .With(DbType.String, PostgreSqlCommands.ArrayOf([.. open], static hash => hash));
                foreach (OutboxBinding found in await command.AllAsync(Binding, cancellationToken).ConfigureAwait(false))
                {
                    string hash = Convert.ToHexStringLower(found.Hash);
                    open.Remove(hash);
                    earlier[hash] = found;
                }
            }
        }

        if (earlier.Count > 0)
        {
            // No row is appended for these, so that none shows which tables the session sees.
            (_, _, long table) = await Command(transaction, _sql.Identity).OneAsync(Identity, cancellationToken).ConfigureAwait(false);
            await RequireOwnTableAsync(transaction, table, cancellationToken).ConfigureAwait(false);
        }

        OutboxBinding?[] result = new OutboxBinding?[bindings.Count];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = earlier.GetValueOrDefault(hashes[i]);
            if (result[i] is null && !ReferenceEquals(firsts[hashes[i]], bindings[i]))
            {
                result[i] = firsts[hashes[i]];
            }
        }

        return result;
    }

    internal override async ValueTask KeepNumbersAsync(
        DbTransaction transaction, IReadOnlyList<(byte[] Hash, long Number)> numbers, CancellationToken cancellationToken)
    {
        DbBatch batch = Connection(transaction).CreateBatch();
        await using (batch.ConfigureAwait(false))
        {
            batch.Transaction = transaction;
            foreach ((byte[] hash, long number) in numbers)
            {
                batch.Then(_sql.KeepNumber).With(DbType.Binary, hash).With(DbType.Int64, number);
            }

            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    internal override async ValueTask<long[]> AppendAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0)
        {
            return [];
        }

        if (transaction is not null)
        {
            return await AppendAsync(Connection(transaction), transaction, entries, cancellationToken).ConfigureAwait(false);
        }

        // Not repeated after a fault: the rows may be committed.
        RefuseAmbientTransaction();
        return await PostgreSqlOutboxConnection.OnceAsync(
            _database, mayRepeat: false, (connection, token) => AppendAsync(connection, null, entries, token), cancellationToken)
            .ConfigureAwait(false);
    }

    internal override async ValueTask<OutboxTransaction> BeginAsync(CancellationToken cancellationToken)
    {
        RefuseAmbientTransaction();
        DbConnection connection = await _database.Source.OpenLiveAsync(SqlDialect.PostgreSql, cancellationToken).ConfigureAwait(false);
        try
        {
            return new OutboxTransaction(
                connection, await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            await SqlConnections.DropAsync(connection).ConfigureAwait(false);
            throw;
        }
    }

    internal override async ValueTask RequireSameDatabaseAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        DbConnection connection = Connection(transaction);
        string name = connection.ConnectionString;
        if (_sameDatabases.ContainsKey(name))
        {
            return;
        }

        (string? theirs, bool isRisky, _) =
            await Command(transaction, _sql.Identity).OneAsync(Identity, cancellationToken).ConfigureAwait(false);
        (string? ours, _, _) = await OwnIdentityAsync(cancellationToken).ConfigureAwait(false);
        if (theirs != ours)
        {
            throw new ArgumentException(
                "The transaction runs on another server, database or schema than the outbox: "
                + "a webhook in it would not commit together with the caller's rows. Use the outbox's database.",
                nameof(transaction));
        }

        WarnIf(isRisky);
        if (_sameDatabases.Count < MaxKnownDatabases)
        {
            _sameDatabases[name] = true;
        }
    }

    internal override ValueTask<OutboxBinding?> FindAsync(byte[] hash, CancellationToken cancellationToken) => RepeatableAsync(
        async (connection, token) =>
        {
            OutboxBinding? found = null;
            DbBatch batch = connection.GuardedBatch();
            batch.Then(_sql.Find).With(DbType.Binary, hash);
            await batch.CommitAsync(
                reader => found = Binding(reader) with { State = (OutboxBindingState)reader.GetInt32(5) }, token).ConfigureAwait(false);
            return found;
        },
        cancellationToken);

    internal override OutboxReader OpenReader() => new PostgreSqlOutboxReader(_database, _statements);

    internal override OutboxSettler OpenSettler() => new PostgreSqlOutboxSettler(_database, _statements, () => SettleTimeout);

    /// <summary>Returns the connection of a caller's transaction.</summary>
    /// <exception cref="ArgumentException">The transaction is completed.</exception>
    private static DbConnection Connection(DbTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        try
        {
            // A driver that keeps the connection of a completed transaction refuses to name its isolation level.
            if (transaction.Connection is { } connection && transaction.IsolationLevel is var _)
            {
                return connection;
            }
        }
        catch (InvalidOperationException)
        {
            // Completed, as below.
        }

        throw new ArgumentException("The transaction is completed. Enqueue before it is committed or rolled back.", nameof(transaction));
    }

    private static DbCommand Command(DbTransaction transaction, string sql)
    {
        DbCommand command = Connection(transaction).Command(sql);
        command.Transaction = transaction;
        return command;
    }

    private static (string Identity, bool IsRisky, long LogTable) Identity(DbDataReader reader) =>
        (reader.GetString(0), reader.GetBoolean(1), reader.GetInt64(2));

    private async ValueTask<(string? Identity, bool IsRisky, long LogTable)> OwnIdentityAsync(CancellationToken cancellationToken)
    {
        (string? Identity, bool IsRisky, long LogTable) own = await RepeatableAsync(
            (connection, token) => connection.Command(_sql.Identity).OneAsync(Identity, token), cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _logTable, own.LogTable);
        return own;
    }

    /// <summary>
    /// Refuses a transaction that sees the tables of another schema: a session may change its search_path after it was checked, and a name
    /// without a schema then means another table.
    /// </summary>
    private async ValueTask RequireOwnTableAsync(DbTransaction? transaction, long table, CancellationToken cancellationToken)
    {
        // 0 if no row was appended. The own table is read again before another is refused: it may have been made anew.
        if (transaction is not null && table != 0 && table != Volatile.Read(ref _logTable)
            && (await OwnIdentityAsync(cancellationToken).ConfigureAwait(false)).LogTable != table)
        {
            throw new ArgumentException(
                "The transaction's search_path leads to the outbox of another schema, and webhooks may be written there: roll the "
                + "transaction back. Set the search_path of the outbox's connections, or name the schema in its table prefix, as "
                + "in \"schema.adcp_outbox_\".",
                nameof(transaction));
        }
    }

    /// <summary>Says once that commits may be lost: no other setting than "off" loses any.</summary>
    private void WarnIf(bool isRisky)
    {
        if (isRisky && _warn is not null && Interlocked.Exchange(ref _hasWarned, 1) == 0)
        {
            _warn(
                "webhooks are enqueued on a PostgreSQL connection with synchronous_commit = off: a crash of the server can undo a commit "
                + "that was answered. Set synchronous_commit to on for these connections and transactions, or for their role.");
        }
    }

    private static OutboxBinding Binding(DbDataReader reader) => new(
        reader.GetFieldValue<byte[]>(0), reader.GetFieldValue<byte[]>(1), reader.GetString(2), TimeSpan.Zero, TimeSpan.Zero)
    {
        SequenceNumber = PostgreSqlCommands.Number(reader, 3),
        IsRetired = reader.GetBoolean(4),
    };

    private ValueTask<List<byte[]>> InsertAsync(
        DbTransaction transaction, string[] hashes, Dictionary<string, OutboxBinding> bindings, CancellationToken cancellationToken) =>
        Command(transaction, _sql.Bind)
            .With(DbType.String, PostgreSqlCommands.ArrayOf(hashes, static hash => hash))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(hashes, hash => Convert.ToHexStringLower(bindings[hash].Fingerprint)))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(hashes, hash => bindings[hash].IdempotencyKey))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(hashes, hash => (long)bindings[hash].Retires.TotalMilliseconds))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(hashes, hash => (long)bindings[hash].Kept.TotalMilliseconds))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(hashes, hash => bindings[hash].NotBefore?.ToUnixTimeMilliseconds()))
            .AllAsync(static reader => reader.GetFieldValue<byte[]>(0), cancellationToken);

    private async ValueTask<long[]> AppendAsync(
        DbConnection connection, DbTransaction? transaction, IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 1)
        {
            DbCommand command = connection.Command(entries[0].Binds is null ? _sql.Append : _sql.AppendOneBound);
            command.Transaction = transaction;
            (long id, bool isRisky, long appendedTo) = await With(command, entries[0])
                .OneAsync(static reader => (reader.GetInt64(0), reader.GetBoolean(1), reader.GetInt64(2)), cancellationToken)
                .ConfigureAwait(false);
            WarnIf(isRisky);
            await RequireOwnTableAsync(transaction, appendedTo, cancellationToken).ConfigureAwait(false);
            return [id];
        }

        // One round trip and, without a transaction of the caller's, one implicit transaction.
        List<(long Id, byte[]? Binding)> appended = new(entries.Count);
        List<byte[]> rented = [];
        long table = 0;
        DbBatch batch = connection.CreateBatch();
        await using (batch.ConfigureAwait(false))
        {
            batch.Transaction = transaction;
            for (int from = 0; from < entries.Count;)
            {
                List<OutboxEntry> rows = [];
                for (int bytes = 0; from < entries.Count && rows.Count < MaxRowsPerStatement && bytes < MaxBytesPerStatement; from++)
                {
                    rows.Add(entries[from]);
                    bytes += entries[from].Sealed.Length;
                }

                bool binds = rows.Exists(static row => row.Binds is not null);
                DbBatchCommand command = batch.Then(binds ? _sql.AppendBound : _sql.AppendMany);
                rented.Add(With(command, rows));
                if (binds)
                {
                    WithBindings(command, rows);
                }
            }

            DbDataReader reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                do
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        appended.Add((reader.GetInt64(0), reader.IsDBNull(1) ? null : reader.GetFieldValue<byte[]>(1)));
                        WarnIf(reader.GetBoolean(2));
                        table = reader.GetInt64(3);
                    }
                }
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false));
            }
        }

        // Not after a fault: the driver may still read them.
        rented.ForEach(static bytes => ArrayPool<byte>.Shared.Return(bytes));
        await RequireOwnTableAsync(transaction, table, cancellationToken).ConfigureAwait(false);
        return Ids(entries, appended);
    }

    /// <summary>Returns the id of each row: those that were appended came back in their order.</summary>
    private static long[] Ids(IReadOnlyList<OutboxEntry> entries, List<(long Id, byte[]? Binding)> appended)
    {
        long[] ids = new long[entries.Count];
        int next = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            if (entries[i].Binds is not { } binding
                || (next < appended.Count && binding.Hash.AsSpan().SequenceEqual(appended[next].Binding)))
            {
                ids[i] = appended[next++].Id;
            }
        }

        return ids;
    }

    private static DbCommand With(DbCommand command, OutboxEntry entry)
    {
        command
            .With(DbType.Int16, entry.Lane)
            .With(DbType.Int64, entry.Endpoint)
            .With(DbType.Int64, entry.Tenant)
            .With(DbType.Int64, entry.NotBefore?.ToUnixTimeMilliseconds())
            .With(DbType.Int64, PostgreSqlCommands.Milliseconds(entry.MaxAge))
            .With(DbType.Int64, entry.Stream)
            .With(DbType.Int64, entry.Number)
            .With(DbType.Binary, entry.Binding)
            .With(DbType.String, entry.KeyId)
            .With(DbType.Binary, entry.Sealed);
        return entry.Binds is not { } binding
            ? command
            : command
                .With(DbType.Binary, binding.Fingerprint)
                .With(DbType.String, binding.IdempotencyKey)
                .With(DbType.Int64, (long)binding.Retires.TotalMilliseconds)
                .With(DbType.Int64, (long)binding.Kept.TotalMilliseconds);
    }

    /// <summary>Adds the parameters of a statement.</summary>
    /// <returns>
    /// The rented bytes of the rows. The statement takes them as a stream, because a rented array is longer than they are, and a new one of
    /// this size makes the collector examine the whole heap.
    /// </returns>
    private static byte[] With(DbBatchCommand command, List<OutboxEntry> rows)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(rows.Sum(static row => row.Sealed.Length + (Hashes(row) * SHA256.HashSizeInBytes)));
        int[] starts = new int[rows.Count];
        int end = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            starts[i] = end + 1;
            Copy(rows[i].Sealed, bytes, ref end);
            Copy(rows[i].Binding, bytes, ref end);
            Copy(rows[i].Binds?.Fingerprint, bytes, ref end);
        }

        command
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Lane))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Endpoint))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Tenant))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.NotBefore?.ToUnixTimeMilliseconds()))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => PostgreSqlCommands.Milliseconds(row.MaxAge)))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Stream))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Number))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => Hashes(row)))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.KeyId))
            .With(DbType.Binary, new MemoryStream(bytes, 0, end, writable: false))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(starts, static start => start))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Sealed.Length));
        return bytes;
    }

    private static void WithBindings(DbBatchCommand command, List<OutboxEntry> rows) => command
        .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => row.Binds?.IdempotencyKey))
        .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => PostgreSqlCommands.Milliseconds(row.Binds?.Retires)))
        .With(DbType.String, PostgreSqlCommands.ArrayOf(rows, static row => PostgreSqlCommands.Milliseconds(row.Binds?.Kept)));

    /// <summary>Returns how many hashes stand behind the bytes of a row: that of its delivery id, and the fingerprint.</summary>
    private static int Hashes(OutboxEntry row) => row.Binding is null ? 0 : row.Binds is null ? 1 : 2;

    private static void Copy(byte[]? from, byte[] to, ref int end)
    {
        if (from is not null)
        {
            from.CopyTo(to, end);
            end += from.Length;
        }
    }

    private ValueTask<T> RepeatableAsync<T>(
        Func<DbConnection, CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync(_database, mayRepeat: true, work, cancellationToken);

    /// <summary>An enqueue that commits although the caller's scope is rolled back would be a surprise.</summary>
    private void RefuseAmbientTransaction() => SqlConnections.RefuseAmbientTransaction(
        _database.Source, SqlDialect.PostgreSql, "An enqueue without a transaction", mayStayOutside: false);
}
