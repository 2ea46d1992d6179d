namespace Adcp.Aot.Storage;

/// <summary>A task as it was read.</summary>
/// <param name="Task">The task.</param>
/// <param name="Version">How often it was saved, from 1. Give it back to
/// <see cref="ITaskStore{TTask}.SaveAsync(StoreScope, TTask, long, System.Threading.CancellationToken)"/>.</param>
/// <param name="UpdatedAt">When it was last saved, to the millisecond. It grows with every save of the task, even if
/// the clock does not.</param>
public sealed record StoredTask<TTask>(TTask Task, long Version, DateTimeOffset UpdatedAt)
    where TTask : class;
