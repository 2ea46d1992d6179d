namespace Adcp.Aot;

/// <summary>
/// What a stop left behind. Every delivery in flight finished, was cut short and its caller told, or is named as abandoned.
/// </summary>
/// <param name="Finished">Deliveries in flight that ran to their own end.</param>
/// <param name="CutShort">Deliveries in flight that ended as <see cref="DeliveryStatus.ShutDown"/>.</param>
/// <param name="Abandoned">Attempts whose sender still goes on although it was cancelled, for longer than <see
/// cref="WebhookSupervisorOptions.CancellationTimeout"/>. Whether the receiver got them is not known.</param>
/// <param name="RecordsDropped">Audit records dropped over the supervisor's life because the sink's queue was full.</param>
public readonly record struct DrainReport(int Finished, int CutShort, int Abandoned, long RecordsDropped);
