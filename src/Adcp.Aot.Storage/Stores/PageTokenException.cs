namespace Adcp.Aot.Storage;

/// <summary>A page token is none that the store gave out for this scope and these filters. The message does not repeat it.</summary>
public sealed class PageTokenException : ArgumentException
{
    /// <summary>The message tells the caller to begin again.</summary>
    public PageTokenException()
        : base("The page token is not one of this list. Leave it out to begin again.", "pageToken")
    {
    }
}
