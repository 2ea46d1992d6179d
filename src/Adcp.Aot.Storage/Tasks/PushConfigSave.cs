namespace Adcp.Aot.Storage;

/// <summary>What became of a push configuration.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Config">As it is stored, with the id that the store picked where none was given; null where nothing is stored.</param>
public readonly record struct PushConfigSave(PushConfigSaveStatus Status, PushConfig? Config);
