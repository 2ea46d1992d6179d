namespace Adcp.Aot.PostgreSql;

/// <summary>The ids of this package's log events, from 6001. They never change their meaning.</summary>
public static class PostgreSqlEventIds
{
    /// <summary>Information: "The outbox worker listens on channel {Channel}: webhooks of other processes are found at once."</summary>
    public const int Listening = 6001;

    /// <summary>
    /// Warning: "The outbox worker does not listen on channel {Channel}: {Fault}. It connects again; until then webhooks of other
    /// processes are found by polling. Check the server and the connection."
    /// </summary>
    public const int ListenFailed = 6002;

    /// <summary>
    /// Warning: "Other processes could not be told by channel {Channel} that webhooks were committed: {Fault}. Their workers find them by
    /// polling. Check the server and the connection."
    /// </summary>
    public const int NotifyFailed = 6003;
}
