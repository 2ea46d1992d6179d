namespace Adcp.Aot.Platform;

/// <summary>Bounds the work and memory that callers of one seller can claim. Immutable; a bad value throws when it is set.</summary>
/// <remarks>
/// A call over a bound is answered with an AdCP error: <c>INVALID_REQUEST</c> if the call itself is too large,
/// <c>RATE_LIMITED</c> if it may succeed later.
/// </remarks>
public sealed record PlatformLimits
{
    /// <summary>
    /// Gets the largest <c>context</c> of a call in bytes of JSON. 1 KiB to 1 MiB, default 64 KiB. A larger one is
    /// refused.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxContextBytes { get; init => field = Require.InRange(value, 1 << 10, 1 << 20, nameof(MaxContextBytes)); } = 64 << 10;

    /// <summary>
    /// Gets the largest result of a task in bytes of JSON. 1 KiB to 8 MiB, default 3 MiB. The seller's code gets an
    /// exception for a larger one.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxResultBytes { get; init => field = Require.InRange(value, 1 << 10, 8 << 20, nameof(MaxResultBytes)); } = 3 << 20;

    /// <summary>
    /// Gets how many tasks of one tenant may be open. 1 to 1,000,000, default 10,000. A call that would open one more
    /// is <c>RATE_LIMITED</c>.
    /// </summary>
    /// <remarks>
    /// Processes that share a registry count for themselves and look again each minute, so several of them may
    /// together exceed the bound for a minute.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxOpenTasksPerTenant { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxOpenTasksPerTenant)); } = 10_000;

    /// <summary>
    /// Gets how many calls of one tenant may be worked on in the background after <see cref="ToolCall.HandOffAsync{T}"/>. 1 to 1,000,000,
    /// default 1,000. A call that hands off one more is <c>RATE_LIMITED</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxWorkPerTenant { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxWorkPerTenant)); } = 1_000;

    /// <summary>Gets the same bound for all tenants together. 1 to 1,000,000, default 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxWork { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxWork)); } = 10_000;

    /// <summary>
    /// Gets how many webhooks of one tenant may be under way or wait for a later try in this process. 1 to 1,000,000,
    /// default 5,000. At the bound a call that registers a webhook is <c>RATE_LIMITED</c>; a webhook that was
    /// promised earlier waits in the registry for its turn.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxPendingWebhooksPerTenant
    {
        get;
        init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxPendingWebhooksPerTenant));
    } = 5_000;

    /// <summary>Gets the same bound for all tenants together. 1 to 1,000,000, default 20,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxPendingWebhooks { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxPendingWebhooks)); } = 20_000;

    /// <summary>
    /// Gets how many bytes the pending webhooks of one tenant may hold. 64 KiB to 4 GiB, default 2 MiB. A single
    /// webhook is always let through.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public long MaxPendingWebhookBytesPerTenant
    {
        get;
        init => field = Require.InRange(value, 64L << 10, 4L << 30, nameof(MaxPendingWebhookBytesPerTenant));
    } = 2L << 20;

    /// <summary>Gets the same bound for all tenants together. 64 KiB to 4 GiB, default 16 MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public long MaxPendingWebhookBytes
    {
        get;
        init => field = Require.InRange(value, 64L << 10, 4L << 30, nameof(MaxPendingWebhookBytes));
    } = 16L << 20;

    /// <summary>
    /// Gets how many calls of one tenant tools perform at a time. A tool that ignores the cancellation of its call
    /// counts until it ends. 1 to 1,000,000, default 1,000. A call over the bound is <c>RATE_LIMITED</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxCallsPerTenant { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxCallsPerTenant)); } = 1_000;

    /// <summary>
    /// Gets how many requests with new idempotency keys one account of a tenant may make each second in the long run. Repetitions do not
    /// count. Reads that open tasks have as many of their own. 1 to 1,000,000, default 60. A call over the bound is <c>RATE_LIMITED</c>.
    /// </summary>
    /// <remarks>Processes that share a store count for themselves.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxNewRequestsPerSecond
    {
        get;
        init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxNewRequestsPerSecond));
    } = 60;

    /// <summary>
    /// Gets how many such requests an account that was idle may make at once. 1 to 10,000,000, default 2,400: with the rate, 300 a second
    /// for ten seconds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxNewRequestBurst
    {
        get;
        init => field = Require.InRange(value, 1, 10_000_000, nameof(MaxNewRequestBurst));
    } = 2_400;

    /// <summary>
    /// Gets how many host names of one tenant's registrations are resolved at once. 1 to 1,000, default 4. A call
    /// over the bound is <c>RATE_LIMITED</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxLookupsPerTenant { get; init => field = Require.InRange(value, 1, 1_000, nameof(MaxLookupsPerTenant)); } = 4;

    /// <summary>
    /// Gets how many task lists of one tenant are read at once. Four times as many are read at once for all tenants
    /// together. 1 to 1,000, default 4. A call over either bound is <c>RATE_LIMITED</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    public int MaxListsPerTenant { get; init => field = Require.InRange(value, 1, 1_000, nameof(MaxListsPerTenant)); } = 4;

    /// <summary>Creates the error for a tenant that reached a bound, and logs the name of the bound.</summary>
    internal static AdcpErrorException Reached(PlatformOptions options, string tenant, string limit, TimeSpan retryAfter)
    {
        PlatformLog.RateLimited(options.Log, tenant, limit);

        return new AdcpErrorException(AdcpError.RateLimited(limit switch
        {
            nameof(MaxOpenTasksPerTenant) => "Too many of your tasks are open.",
            nameof(MaxWorkPerTenant) => "Too many of your calls are being worked on.",
            nameof(MaxWork) => "The seller is working on too many calls.",
            nameof(MaxNewRequestsPerSecond) => "Too many new requests in a short time.",
            nameof(MaxCallsPerTenant) => "Too many of your calls are under way.",
            nameof(MaxListsPerTenant) => "Too many of your task lists are being read.",
            nameof(MaxLookupsPerTenant) => "Too many hosts of your webhooks are being looked up.",
            _ => "Too many webhooks to your endpoints are waiting to be delivered.",
        }, retryAfter));
    }
}
