using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// The task of a person for an account. It has no url: the buyer reads that from <c>list_accounts</c>.
/// </summary>
public sealed record AccountSetup
{
    /// <summary>Creates the hint.</summary>
    /// <param name="message">A text that every subscriber may read. 1 to 65,536 characters.</param>
    /// <param name="expiresAt">The time when the hint ends, if known.</param>
    /// <exception cref="ArgumentException">The message is blank or too long.</exception>
    public AccountSetup(string message, DateTimeOffset? expiresAt = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(message);
        Message = JsonWire.Text(message, 65_536, nameof(message), allowControl: true)!;
        ExpiresAt = expiresAt;
    }

    /// <summary>A text that every subscriber may read.</summary>
    public string Message { get; }

    /// <summary>The time when the hint ends, if known.</summary>
    public DateTimeOffset? ExpiresAt { get; }
}
