namespace Adcp.Aot.Operations;

/// <summary>A worker of an outbox. Immutable.</summary>
/// <param name="Id">The id, drawn when the worker started.</param>
/// <param name="Name">The name that its process gave it.</param>
/// <param name="LeaseLeft">The time until its lease ends, unless it renews it. Zero if the lease has ended.</param>
/// <param name="IsDraining">Whether it is stopping and takes no further webhook.</param>
/// <param name="IsHere">Whether it is the worker of the process that was asked.</param>
/// <param name="Lanes">The lanes that it owns, in order.</param>
public sealed record WorkerStatus(Guid Id, string Name, TimeSpan LeaseLeft, bool IsDraining, bool IsHere, IReadOnlyList<int> Lanes);
