namespace Adcp.Aot.Hosting;

/// <summary>The event ids of the log lines that the hosted services write. The ids are stable; texts may change.</summary>
public static class HostingEventIds
{
    /// <summary>Warning: "Expired rows of {Store} could not be deleted. The next try is in 10 minutes."</summary>
    public const int PurgeFailed = 4001;

    /// <summary>Warning: "HostOptions.ShutdownTimeout is {Timeout}, and a delivery may take {Needed}..."</summary>
    public const int ShutdownTimeoutShort = 4002;

    /// <summary>Information: "Webhook delivery has stopped. {Finished} deliveries were under way and have finished."</summary>
    public const int Stopped = 4003;

    /// <summary>Warning: "Webhook delivery was stopped after {Timeout}: {CutShort} deliveries were cut short, ..."</summary>
    public const int StoppedEarly = 4004;

    /// <summary>Information: "Settings were changed and hold for deliveries from now on: {Settings}."</summary>
    public const int SettingsApplied = 4005;

    /// <summary>Warning: "Settings were changed that are read only when the host starts: {Settings}."</summary>
    public const int SettingsRefused = 4006;

    /// <summary>Error: "Settings were changed and have faults, so the earlier ones stay: {Faults}"</summary>
    public const int SettingsFaulty = 4007;

    /// <summary>Error: "Changed settings could not be read. The earlier ones stay."</summary>
    public const int ReloadFailed = 4008;

    /// <summary>Warning: "The state of the outbox '{Instance}' cannot be read. Check its database."</summary>
    public const int OutboxUnreadable = 4009;

    /// <summary>Information: "The files of {Setting} have changed and are used from now on."</summary>
    public const int FilesRead = 4010;

    /// <summary>Warning: "The files of {Setting} have changed and cannot be used, so the earlier content stays: {Fault}"</summary>
    public const int FilesRefused = 4011;

    /// <summary>
    /// Warning: "The database of {Owner} cannot be read. Check it. This line is written once until it can be read again."
    /// </summary>
    public const int StoreUnreadable = 4012;
}
