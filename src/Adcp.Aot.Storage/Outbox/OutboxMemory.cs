namespace Adcp.Aot.Storage;

/// <summary>
/// Counts the rows in memory, and decides how many of an endpoint and of a tenant may be there. A part of <see cref="OutboxSchedule"/>,
/// called under its lock.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>All rows: a bound of rows and a bound of bytes. Nothing is read while less than a sixteenth of the bytes is free.</item>
/// <item>An endpoint has a share of rows and of bytes. While memory is half full, its rows are as many as it may have attempts under way,
/// so that slow endpoints leave room to others. The first eighth of memory has no shares: a burst of one endpoint is not parked. Half of
/// the share is for fresh rows if it has parked ones too. The rest is for parked rows, of which it has no more than its ramp.</item>
/// <item>A tenant may have all of memory until it is slow: memory is full, the tenant has more than an eighth, and its attempts, of which
/// many are under way, need more than 5 s for its rows. A slow tenant has an eighth while memory is half full. It is slow no more when its
/// rows are half of that and none of its endpoints waits for room.</item>
/// </list>
/// </remarks>
internal sealed class OutboxMemory(OutboxScheduleLimits limits)
{
    /// <summary>The longest time that attempts may need for the rows that wait for them in memory. Above it they are slow.</summary>
    private static readonly TimeSpan MaxDrain = TimeSpan.FromSeconds(5);

    private readonly int[] _heldByLane = new int[OutboxLanes.Count];
    private int _held;
    private long _heldBytes;

    /// <summary>Gets the number of rows in memory. May be read without the lock.</summary>
    internal int Held => Volatile.Read(ref _held);

    /// <summary>Gets how many more rows may be read; 0 if the bytes that are left are too few to be worth a read.</summary>
    internal int Room => _heldBytes > limits.MaxBytes - (limits.MaxBytes / 16) ? 0 : Math.Max(0, limits.MaxRows - _held);

    /// <summary>Gets how many more bytes of rows may be read.</summary>
    internal long RoomBytes => Math.Max(0, limits.MaxBytes - _heldBytes);

    /// <summary>Returns whether attempts that end at a rate are too slow for the rows that wait for them.</summary>
    /// <param name="ended">The number of attempts that ended.</param>
    /// <param name="elapsed">The time in which they ended.</param>
    /// <param name="waiting">The number of rows that wait.</param>
    internal static bool IsTooSlow(int ended, TimeSpan elapsed, int waiting) => ended * (MaxDrain / elapsed) < waiting;

    /// <summary>Returns whether a lane has rows in memory.</summary>
    internal bool HoldsRows(short lane) => _heldByLane[lane] > 0;

    /// <summary>Counts a row that came into memory.</summary>
    internal void Hold(OutboxEndpoint endpoint, OutboxRow row) => Count(endpoint, row, 1);

    /// <summary>Counts a row that leaves memory.</summary>
    /// <exception cref="InvalidOperationException">The row was released before.</exception>
    internal void Release(OutboxEndpoint endpoint, OutboxRow row)
    {
        Count(endpoint, row, -1);
        if (endpoint.Held < 0)
        {
            throw new InvalidOperationException("A row of the outbox was released twice.");
        }

        OutboxTenant tenant = endpoint.Tenant;
        tenant.IsSlow &= tenant.Starved.Count > 0 || tenant.Held * 2 > limits.SlowRows || tenant.HeldBytes * 2 > limits.SlowBytes;
    }

    /// <summary>Returns whether a fresh row that is counted already may stay.</summary>
    internal bool FitsFresh(OutboxEndpoint endpoint) =>
        endpoint.Held - endpoint.ParkedHeld <= (endpoint.HasParked ? Share / 2 : Share)
        && endpoint.HeldBytes <= limits.MaxBytesPerEndpoint
        && !(IsLimited(endpoint.Tenant) && IsOverShare(endpoint.Tenant));

    /// <summary>Returns the most parked rows of an endpoint in memory.</summary>
    internal int ParkedShare(OutboxEndpoint endpoint) =>
        endpoint.HeldBytes >= limits.MaxBytesPerEndpoint ? 0 : Math.Min(endpoint.Ramp, Share - (endpoint.Held - endpoint.ParkedHeld));

    /// <summary>Returns the bytes of parked rows of an endpoint that may be read.</summary>
    internal long ParkedBytes(OutboxEndpoint endpoint) =>
        Math.Min(limits.MaxBytesPerEndpoint - endpoint.HeldBytes, limits.MaxBytes - _heldBytes);

    /// <summary>Returns how many parked rows of a tenant may be read.</summary>
    internal int RoomOf(OutboxTenant tenant) =>
        !IsLimited(tenant) ? int.MaxValue : IsOverShare(tenant) ? 0 : limits.SlowRows - tenant.Held;

    /// <summary>Returns whether a tenant has more than an eighth of memory.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="leaving">The number of its rows that do not count, because they are to be parked.</param>
    /// <param name="leavingBytes">The bytes of these rows.</param>
    internal bool IsOverShare(OutboxTenant tenant, int leaving = 0, long leavingBytes = 0) =>
        tenant.Held - leaving > limits.SlowRows || tenant.HeldBytes - leavingBytes > limits.SlowBytes;

    /// <summary>Returns whether a tenant is slow, by the attempts that ended in a time in which memory was full.</summary>
    internal bool IsSlow(OutboxTenant tenant, TimeSpan elapsed) =>
        IsOverShare(tenant) && IsBusy(tenant) && IsTooSlow(tenant.Ended, elapsed, tenant.Held);

    /// <summary>Gets the most rows of one endpoint.</summary>
    private int Share =>
        _held > limits.MaxRows / 2 ? Math.Min(limits.MaxRowsPerEndpoint, limits.MaxConcurrencyPerEndpoint)
        : _held > limits.BurstRows ? limits.MaxRowsPerEndpoint
        : Math.Max(limits.MaxRowsPerEndpoint, limits.BurstRows);

    /// <summary>Returns whether a tenant has attempts under way for at least half of its share.</summary>
    private bool IsBusy(OutboxTenant tenant) =>
        tenant.InFlight * 2 >= Math.Min(limits.SlowRows, limits.MaxConcurrencyPerTenant)
        || tenant.InFlightBytes * 2 >= limits.SlowBytes;

    /// <summary>Returns whether a tenant has only its share now: the half of memory that is left is for other tenants.</summary>
    private bool IsLimited(OutboxTenant tenant) => tenant.IsSlow && (_held > limits.MaxRows / 2 || _heldBytes > limits.MaxBytes / 2);

    private void Count(OutboxEndpoint endpoint, OutboxRow row, int by)
    {
        int bytes = by * row.Sealed.Length;
        endpoint.Tenant.Held += by;
        endpoint.Tenant.HeldBytes += bytes;
        endpoint.Held += by;
        endpoint.HeldBytes += bytes;
        endpoint.ParkedHeld += row.IsParked ? by : 0;
        _heldByLane[row.Lane] += by;
        _held += by;
        _heldBytes += bytes;
    }
}
