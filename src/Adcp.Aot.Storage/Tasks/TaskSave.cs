namespace Adcp.Aot.Storage;

/// <summary>What became of a save, and the version that is stored now.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Version">The stored version, 0 where there is none.</param>
public readonly record struct TaskSave(TaskSaveStatus Status, long Version);
