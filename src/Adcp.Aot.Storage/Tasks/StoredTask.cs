namespace Adcp.Aot.Storage;

/// <summary>A task that was read from a store.</summary>
/// <param name="Task">The task.</param>
/// <param name="Version">The number of saves, from 1. Pass it to
/// <see cref="ITaskStore{TTask}.SaveAsync(StoreScope, TTask, long, System.Threading.CancellationToken)"/>.</param>
/// <param name="UpdatedAt">The time of the last save, to the millisecond. It grows with every save of the task, even if
/// the clock does not.</param>
public sealed record StoredTask<TTask>(TTask Task, long Version, DateTimeOffset UpdatedAt)
    where TTask : class;
