using Adcp.Aot.Network;

namespace Adcp.Aot.Storage;

/// <summary>
/// The options of a generated store of push configurations. Immutable; a bad value throws when it is set.
/// </summary>
public sealed record PushNotificationConfigStoreOptions
{
    /// <summary>
    /// Gets whether tokens and credentials are stored encrypted or not at all. Required: there is no default.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required SecretsAtRest Secrets { get; init => field = value ?? throw new ArgumentNullException(nameof(Secrets)); }

    /// <summary>
    /// Decides which urls are accepted. Create it from the options of the sender that will send there.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required DestinationGuard Destinations { get; init => field = value ?? throw new ArgumentNullException(nameof(Destinations)); }

    /// <summary>The choice for unauthenticated callers. Default <see cref="AnonymousCallers.Refused"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a choice.</exception>
    public AnonymousCallers Anonymous
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Anonymous), value, "Not a choice.");
    }

    /// <summary>
    /// The maximum number of configurations per task, so that one event does not become a flood. 1 to 100, default 10.
    /// Saves at the same moment may exceed it by their number.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 100.</exception>
    public int MaxPerTask
    {
        get;
        init => field = Require.InRange(value, 1, 100, nameof(MaxPerTask));
    } = 10;

    /// <summary>The clock of saves. Default: the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;
}
