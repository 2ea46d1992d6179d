namespace Adcp.Aot.Storage;

/// <summary>An endpoint that has parked rows, and what those rows tell about its circuit in the process that parked them.</summary>
/// <param name="Endpoint">The endpoint.</param>
/// <param name="Tenant">The tenant, to which all rows of the endpoint belong.</param>
/// <param name="DueIn">The time until its first parked row is due; zero if it is.</param>
/// <param name="Attempts">The attempts of the rows that were looked at.</param>
/// <param name="WasRefused">Whether the circuit refused one of these rows.</param>
internal readonly record struct OutboxParkedEndpoint(long Endpoint, long Tenant, TimeSpan DueIn, long Attempts, bool WasRefused)
{
    /// <summary>
    /// The rows that are looked at from each end of an endpoint's parked rows. Those that its circuit refused are due first, and those that
    /// failed are due last.
    /// </summary>
    internal const int Sample = 8;
}
