namespace Adcp.Aot.Storage;

/// <summary>The result of a save, and the version that is stored now.</summary>
/// <param name="Status">The status of the save.</param>
/// <param name="Version">The stored version, 0 if there is none.</param>
public readonly record struct TaskSave(TaskSaveStatus Status, long Version);
