namespace Adcp.Aot.Delivery;

/// <summary>What a stop left behind. Every delivery in flight either finished or was cut short, and its caller was told which.</summary>
/// <param name="Finished">Deliveries in flight that ran to their own end.</param>
/// <param name="CutShort">Deliveries in flight that ended as <see cref="DeliveryStatus.ShutDown"/>.</param>
/// <param name="RecordsDropped">Audit records dropped over the supervisor's life because the sink's queue was full.</param>
public readonly record struct DrainReport(int Finished, int CutShort, long RecordsDropped);
