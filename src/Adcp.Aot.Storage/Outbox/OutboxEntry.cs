using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>A row to append to the log.</summary>
internal sealed class OutboxEntry
{
    internal required short Lane { get; init; }

    internal required long Endpoint { get; init; }

    internal required long Tenant { get; init; }

    /// <summary>
    /// Gets the earliest time of the first attempt, which the database compares with its clock; <see langword="null"/> for at once.
    /// </summary>
    internal DateTimeOffset? NotBefore { get; init; }

    /// <summary>Gets how long after the statement the first attempt may begin at the latest; <see langword="null"/> for no limit.</summary>
    internal TimeSpan? MaxAge { get; init; }

    /// <summary>Gets the hash of the stream whose order is kept; <see langword="null"/> if none is.</summary>
    internal long? Stream { get; init; }

    /// <summary>Gets the number of the row in <see cref="Stream"/>; <see langword="null"/> without one.</summary>
    internal long? Number { get; init; }

    /// <summary>Gets the hash of the delivery id that is bound to the row; <see langword="null"/> if none is.</summary>
    internal byte[]? Binding { get; init; }

    /// <summary>
    /// Gets the delivery id that is bound together with the row; <see langword="null"/> if none is, or if it was bound before. If it is
    /// another webhook's already, the row is not appended.
    /// </summary>
    internal OutboxBinding? Binds { get; init; }

    /// <summary>Gets the id of the encryption key, so that rows of an unknown key can be left alone and counted.</summary>
    internal required string KeyId { get; init; }

    internal required byte[] Sealed { get; init; }
}

/// <summary>The state of a delivery whose id is bound.</summary>
internal enum OutboxBindingState
{
    Waiting = 0,
    Delivered = 1,
    Dead = 2,
}

/// <summary>A delivery id and the webhook that it stands for.</summary>
/// <param name="Hash">SHA-256 of tenant and delivery id.</param>
/// <param name="Fingerprint">SHA-256 of destination and payload.</param>
/// <param name="IdempotencyKey">The key that the webhook carries.</param>
/// <param name="Retires">How long after the statement that binds it, or after <see cref="NotBefore"/>, the id counts as retired.</param>
/// <param name="Kept">How long after the statement that binds it, or after <see cref="NotBefore"/>, the id is remembered.</param>
internal sealed record OutboxBinding(
    byte[] Hash, byte[] Fingerprint, string IdempotencyKey, TimeSpan Retires, TimeSpan Kept)
{
    /// <summary>Gets the <see cref="OutboxEntry.NotBefore"/> of the row, for a binding that is to be bound.</summary>
    internal DateTimeOffset? NotBefore { get; init; }

    /// <summary>Gets the number that the webhook carries, of a binding that was read.</summary>
    internal long? SequenceNumber { get; init; }

    /// <summary>Gets the state, of a binding that <see cref="OutboxStore.FindAsync"/> returned.</summary>
    internal OutboxBindingState State { get; init; }

    /// <summary>Gets whether <see cref="Retires"/> has passed, of a binding that was read.</summary>
    internal bool IsRetired { get; init; }
}

/// <summary>A transaction of the outbox's own with its connection. Disposing it without a commit rolls it back.</summary>
/// <param name="connection">The connection, which is closed at the end.</param>
/// <param name="transaction">The transaction.</param>
/// <param name="ended">Called once when the connection is closed.</param>
internal sealed class OutboxTransaction(DbConnection connection, DbTransaction transaction, Action? ended = null) : IAsyncDisposable
{
    private Action? _ended = ended;

    internal DbTransaction Transaction { get; } = transaction;

    internal Task CommitAsync(CancellationToken cancellationToken) => Transaction.CommitAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is DbException or InvalidOperationException or IOException)
        {
            // The connection is gone, and the transaction with it.
        }

        await SqlConnections.DropAsync(connection).ConfigureAwait(false);
        Interlocked.Exchange(ref _ended, null)?.Invoke();
    }
}

/// <summary>Counts of an outbox's rows.</summary>
/// <param name="Waiting">Rows in the log.</param>
/// <param name="Parked">Rows that wait for a later attempt.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="OldestDue">How long the oldest row that is due has been due; <see langword="null"/> if none is.</param>
/// <param name="Workers">Workers with a lease.</param>
/// <param name="UnownedLanes">Lanes that no living worker owns.</param>
/// <param name="Figures">The sums over workers with a lease.</param>
internal sealed record OutboxCounts(
    long Waiting, long Parked, long Dead, TimeSpan? OldestDue, int Workers, int UnownedLanes, OutboxFigures Figures);
