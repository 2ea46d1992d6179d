using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The part that callers use: numbers, bindings and rows.</summary>
internal sealed partial class SqliteOutboxStore
{
    private const int RowBytes = 200;

    internal override ValueTask<long[]> DrawNumbersAsync(
        DbTransaction transaction, IReadOnlyList<string> streams, CancellationToken cancellationToken)
    {
        using SqliteOutboxSession session = _database.Join(transaction, cancellationToken);
        long now = session.Now();
        long[] numbers = new long[streams.Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = session.Number(_sql.Draw, now, streams[i]);
        }

        return ValueTask.FromResult(numbers);
    }

    internal override ValueTask<OutboxBinding?[]> BindAsync(
        DbTransaction transaction, IReadOnlyList<OutboxBinding> bindings, CancellationToken cancellationToken)
    {
        using SqliteOutboxSession session = _database.Join(transaction, cancellationToken);
        long now = session.Now();
        OutboxBinding?[] earlier = new OutboxBinding?[bindings.Count];
        for (int i = 0; i < earlier.Length; i++)
        {
            earlier[i] = TryBind(session, bindings[i], now) ? null : Find(session, bindings[i].Hash, now);
        }

        return ValueTask.FromResult(earlier);
    }

    internal override ValueTask KeepNumbersAsync(
        DbTransaction transaction, IReadOnlyList<(byte[] Hash, long Number)> numbers, CancellationToken cancellationToken)
    {
        using SqliteOutboxSession session = _database.Join(transaction, cancellationToken);
        foreach ((byte[] hash, long number) in numbers)
        {
            session.Execute(_sql.KeepNumber, hash, number);
        }

        return ValueTask.CompletedTask;
    }

    internal override ValueTask<long[]> AppendAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken)
    {
        if (transaction is not null)
        {
            using SqliteOutboxSession session = _database.Join(transaction, cancellationToken);
            return ValueTask.FromResult(Append(session, entries));
        }

        RefuseAmbientTransaction();
        if (entries.Count == 0)
        {
            return ValueTask.FromResult(Array.Empty<long>());
        }

        long bytes = entries.Sum(static entry => (long)entry.Sealed.Length + RowBytes);
        return _writer.RunAsync(session => Append(session, entries), entries.Count, bytes, cancellationToken);
    }

    internal override async ValueTask<OutboxTransaction> BeginAsync(CancellationToken cancellationToken)
    {
        RefuseAmbientTransaction();
        Action endTurn = await _writer.TurnAsync(cancellationToken).ConfigureAwait(false);
        DbConnection? connection = null;
        try
        {
            connection = _database.OpenFull();

            // The driver begins a transaction of this level with BEGIN IMMEDIATE.
            DbTransaction transaction =
                await connection.BeginTransactionAsync(System.Data.IsolationLevel.Serializable, cancellationToken).ConfigureAwait(false);
            return new OutboxTransaction(connection, transaction, endTurn);
        }
        catch
        {
            if (connection is not null)
            {
                await SqlConnections.DropAsync(connection).ConfigureAwait(false);
            }

            endTurn();
            throw;
        }
    }

    internal override ValueTask RequireSameDatabaseAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _database.RequireSame(transaction);
        return ValueTask.CompletedTask;
    }

    internal override ValueTask<OutboxBinding?> FindAsync(byte[] hash, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Read(session => Find(session, hash, session.Now()), cancellationToken));

    /// <summary>Appends rows. Their ids are consecutive, because no other connection writes meanwhile.</summary>
    private long[] Append(SqliteOutboxSession session, IReadOnlyList<OutboxEntry> entries)
    {
        long[] ids = new long[entries.Count];
        if (ids.Length == 0)
        {
            return ids;
        }

        long now = session.Now();
        long appended = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            OutboxEntry entry = entries[i];
            if (entry.Binds is { } binding && !TryBind(session, binding, now))
            {
                continue;
            }

            session.Execute(
                _sql.Append, now, (long)entry.Lane, entry.Endpoint, entry.Tenant, entry.KeyId, entry.Binding,
                Later(now, entry.NotBefore), entry.MaxAge is { } age ? now + Milliseconds(age) : null, entry.Sealed,
                entry.Stream, entry.Number);
            ids[i] = ++appended;
        }

        if (appended > 0)
        {
            long first = session.Number(SqliteOutboxStatements.LastId) - appended;
            for (int i = 0; i < ids.Length; i++)
            {
                ids[i] += ids[i] > 0 ? first : 0;
            }
        }

        return ids;
    }

    private bool TryBind(SqliteOutboxSession session, OutboxBinding binding, long now) => session.Execute(
        _sql.Bind, binding.Hash, binding.Fingerprint, binding.IdempotencyKey,
        Later(now, binding.NotBefore) + Milliseconds(binding.Retires), Later(now, binding.NotBefore) + Milliseconds(binding.Kept)) > 0;

    private static long Later(long now, DateTimeOffset? notBefore) => Math.Max(now, notBefore?.ToUnixTimeMilliseconds() ?? now);

    private OutboxBinding? Find(SqliteOutboxSession session, byte[] hash, long now)
    {
        using DbDataReader reader = session.Read(_sql.Find, hash);
        return reader.Read()
            ? new OutboxBinding(
                hash, (byte[])reader.GetValue(0), reader.GetString(1), Time(reader.GetInt64(4) - now), Time(reader.GetInt64(5) - now))
            {
                SequenceNumber = reader.IsDBNull(2) ? null : reader.GetInt64(2),
                State = (OutboxBindingState)reader.GetInt32(3),

                // An id whose webhook still waits does not retire.
                IsRetired = reader.GetInt64(4) <= now && reader.GetInt32(3) != (int)OutboxBindingState.Waiting,
            }
            : null;
    }

    /// <summary>An enqueue that commits although the caller's scope is rolled back would be a surprise.</summary>
    private void RefuseAmbientTransaction() => SqlConnections.RefuseAmbientTransaction(
        _database.Source, SqlDialect.Sqlite, "An enqueue without a transaction", mayStayOutside: false);
}
