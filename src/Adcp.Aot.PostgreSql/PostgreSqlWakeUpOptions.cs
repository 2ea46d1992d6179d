using Microsoft.Extensions.Logging;

namespace Adcp.Aot.PostgreSql;

/// <summary>The options of a <see cref="PostgreSqlWakeUp"/>. Immutable; a bad value throws when it is set.</summary>
public sealed record PostgreSqlWakeUpOptions
{
    private const int MaxChannelLength = 63;

    /// <summary>
    /// Gets the channel of LISTEN and NOTIFY. 1 to 63 of <c>a-z 0-9 _</c>. Default <c>adcp_outbox</c>. If outboxes of a database share a
    /// channel, they only wake each other needlessly.
    /// </summary>
    /// <exception cref="ArgumentException">The channel breaks its rule.</exception>
    public string Channel
    {
        get;
        init => field = value is { Length: >= 1 and <= MaxChannelLength }
            && value.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_')
            ? value
            : throw new ArgumentException("A channel has 1 to 63 of a-z, 0-9 and _.", nameof(Channel));
    } = "adcp_outbox";

    /// <summary>
    /// Gets after which silence the listening connection is checked by a round trip, so that a connection which a firewall has forgotten is
    /// noticed. 100 ms to 10 minutes, default 10 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 100 ms to 10 minutes.</exception>
    public TimeSpan KeepAlive
    {
        get;
        init => field = InRange(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10), nameof(KeepAlive));
    } = TimeSpan.FromSeconds(10);

    /// <summary>Gets how long the server has to answer. 100 ms to 1 minute, default 5 s.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 100 ms to 1 minute.</exception>
    public TimeSpan Timeout
    {
        get;
        init => field = InRange(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1), nameof(Timeout));
    } = TimeSpan.FromSeconds(5);

    /// <summary>Gets the logger of faults. Default <see langword="null"/>, no log.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Gets the clock of waiting between attempts. Default the system's.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    private static TimeSpan InRange(TimeSpan value, TimeSpan low, TimeSpan high, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, low, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, high, name);
        return value;
    }
}
