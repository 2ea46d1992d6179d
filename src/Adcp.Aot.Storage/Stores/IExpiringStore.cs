namespace Adcp.Aot.Storage;

/// <summary>
/// A store whose rows have a time to live. Stores have no threads of their own: the application calls <see cref="PurgeAsync"/> from time
/// to time, or <c>AddAdcpPurge</c> of Adcp.Aot.Hosting does. The purge looks at the rows of all scopes and returns only their number.
/// </summary>
public interface IExpiringStore
{
    /// <summary>Gets the most rows that one call deletes.</summary>
    int PurgeBatchSize { get; }

    /// <summary>Deletes a batch of expired rows. Call it again at once if it returns <see cref="PurgeBatchSize"/>.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The number of deleted rows.</returns>
    ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default);
}
