namespace Adcp.Aot;

/// <summary>
/// The result of a stop. Every delivery in flight finished, or was cut short and its caller got an outcome, or is
/// counted as abandoned.
/// </summary>
/// <param name="Finished">The number of deliveries in flight that ended by themselves.</param>
/// <param name="CutShort">The number of deliveries in flight that ended as
/// <see cref="DeliveryStatus.ShutDown"/>.</param>
/// <param name="Abandoned">The number of attempts whose sender still continues although it was cancelled, for longer
/// than <see cref="WebhookSupervisorOptions.CancellationTimeout"/>. It is unknown whether the receiver got
/// them.</param>
/// <param name="RecordsDropped">Audit records dropped over the supervisor's life because the sink's queue was full.</param>
public readonly record struct DrainReport(int Finished, int CutShort, int Abandoned, long RecordsDropped);
