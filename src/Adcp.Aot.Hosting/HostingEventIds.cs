namespace Adcp.Aot.Hosting;

/// <summary>The event ids of the log lines that the hosted services write. The ids are stable; texts may change.</summary>
public static class HostingEventIds
{
    /// <summary>Warning: "Expired rows of {Store} could not be deleted. The next try is in 10 minutes."</summary>
    public const int PurgeFailed = 4001;
}
