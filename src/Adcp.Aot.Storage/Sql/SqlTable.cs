using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// Describes a table for <see cref="SqlBatchWriter{TRow}"/>. Generated code derives from it. All members must be safe
/// for concurrent calls.
/// </summary>
/// <typeparam name="TRow">The type of a row.</typeparam>
public abstract class SqlTable<TRow>
    where TRow : class
{
    /// <summary>The statement up to and including <c>VALUES</c>: <c>INSERT INTO t (a, b) VALUES </c>.</summary>
    public abstract string Insert { get; }

    /// <summary>The types of the inserted columns, in order.</summary>
    public abstract IReadOnlyList<DbType> Columns { get; }

    /// <summary>
    /// A query that counts the rows of one identity. Its parameters are those of <see cref="Identity"/>. <c>null</c> if
    /// the table does not keep enough to identify a row.
    /// </summary>
    public virtual string? CountSame => null;

    /// <summary>The types of the parameters of <see cref="CountSame"/>.</summary>
    public virtual IReadOnlyList<DbType> IdentityTypes => [];

    /// <summary>Writes a row's values to the parameters of its columns.</summary>
    /// <param name="row">The row.</param>
    /// <param name="parameters">One for each of <see cref="Columns"/>.</param>
    public abstract void Bind(TRow row, ReadOnlySpan<DbParameter> parameters);

    /// <summary>Returns the values of <see cref="CountSame"/> for a row.</summary>
    /// <param name="row">The row.</param>
    public virtual object?[] Identity(TRow row) => [];

    /// <summary>Returns whether <see cref="CopyAsync"/> is faster than an INSERT on this connection.</summary>
    /// <param name="connection">An open connection.</param>
    public virtual bool CanCopy(DbConnection connection) => false;

    /// <summary>Writes rows by the driver's bulk protocol: all of them or none.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="rows">At least one row.</param>
    /// <param name="cancellationToken">Ends the copy without a row.</param>
    public virtual Task CopyAsync(DbConnection connection, ReadOnlyMemory<TRow> rows, CancellationToken cancellationToken) =>
        throw new NotSupportedException("CopyAsync must be overridden if CanCopy returns true.");

    /// <summary>Called for each row that the table refused. Must not throw.</summary>
    /// <param name="row">The row.</param>
    /// <param name="reason">The exception of the database or of the binding.</param>
    public virtual void Rejected(TRow row, Exception reason)
    {
    }
}
