namespace Adcp.Aot.Storage;

/// <summary>A store or sink that can create its tables. Adcp.Aot.Hosting calls it when the host starts.</summary>
public interface IStoreTables
{
    /// <summary>Creates the tables if they are absent. Processes that start at the same time wait for each other.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">A table does not fit this program, or there is an ambient transaction.</exception>
    /// <exception cref="System.Data.Common.DbException">A statement failed.</exception>
    ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default);
}
