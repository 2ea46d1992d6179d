namespace Adcp.Aot.Storage;

/// <summary>The result of a push configuration.</summary>
public enum PushConfigSaveStatus
{
    /// <summary>It is stored.</summary>
    Saved = 0,

    /// <summary>Nothing is stored: there is no such task in this scope.</summary>
    TaskMissing = 1,

    /// <summary>
    /// Nothing is stored: webhooks may not go to this url. Why is not said, and the url is not to be repeated to the
    /// caller.
    /// </summary>
    DestinationRefused = 2,

    /// <summary>Nothing is stored: the task has as many as it may have.</summary>
    TooMany = 3,
}
