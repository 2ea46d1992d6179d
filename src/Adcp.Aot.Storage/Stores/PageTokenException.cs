namespace Adcp.Aot.Storage;

/// <summary>A page token does not belong to this scope and these filters. The message does not repeat it.</summary>
public sealed class PageTokenException : ArgumentException
{
    /// <summary>Creates the exception. Its message says that the caller must begin with the first page.</summary>
    public PageTokenException()
        : base("The page token is not one of this list. Leave it out to begin again.", "pageToken")
    {
    }
}
