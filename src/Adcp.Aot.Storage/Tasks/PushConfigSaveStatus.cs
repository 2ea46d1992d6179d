namespace Adcp.Aot.Storage;

/// <summary>The status of saving a push configuration.</summary>
public enum PushConfigSaveStatus
{
    /// <summary>The configuration is stored.</summary>
    Saved = 0,

    /// <summary>Nothing is stored: there is no such task in this scope.</summary>
    TaskMissing = 1,

    /// <summary>
    /// Nothing is stored: webhooks may not go to this url. The reason is not given, and the url must not be repeated to
    /// the caller.
    /// </summary>
    DestinationRefused = 2,

    /// <summary>Nothing is stored: the task has reached its limit of configurations.</summary>
    TooMany = 3,
}
