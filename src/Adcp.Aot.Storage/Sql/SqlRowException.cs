namespace Adcp.Aot.Storage;

/// <summary>
/// A value of a row could not be computed. The row is at fault, whatever type the inner exception has.
/// </summary>
public sealed class SqlRowException : Exception
{
    /// <summary>Creates the exception with the column's name and the reason.</summary>
    /// <param name="column">The column.</param>
    /// <param name="reason">The exception that the member threw.</param>
    public SqlRowException(string column, Exception reason)
        : base($"The value of column '{column}' could not be computed.", reason)
    {
    }
}
