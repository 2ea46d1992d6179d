namespace Adcp.Aot.Storage;

/// <summary>
/// A store whose rows have a time to live. Whoever hosts it calls <see cref="PurgeAsync"/> from time to time, as
/// <c>AddAdcpPurge</c> of Adcp.Aot.AspNetCore does; this is the one method that looks at all scopes, and it tells
/// nothing of them.
/// </summary>
public interface IExpiringStore
{
    /// <summary>How many rows one call deletes at most.</summary>
    int PurgeBatchSize { get; }

    /// <summary>
    /// Deletes one small batch of rows that outlived their time. Call again at once where it returned
    /// <see cref="PurgeBatchSize"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>How many were deleted.</returns>
    ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default);
}
