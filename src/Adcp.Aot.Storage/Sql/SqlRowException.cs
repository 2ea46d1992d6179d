namespace Adcp.Aot.Storage;

/// <summary>A value of a row could not be computed: the row's fault, whatever the exception inside looks like.</summary>
public sealed class SqlRowException : Exception
{
    /// <summary>Names the column and keeps the reason.</summary>
    /// <param name="column">The column.</param>
    /// <param name="reason">What the member threw.</param>
    public SqlRowException(string column, Exception reason)
        : base($"The value of column '{column}' could not be computed.", reason)
    {
    }
}
