namespace Adcp.Aot.Storage;

/// <summary>The result of a push configuration.</summary>
/// <param name="Status">The result of it.</param>
/// <param name="Config">As it is stored, with the id that the store picked where none was given; <c>null</c> if nothing
/// is stored.</param>
public readonly record struct PushConfigSave(PushConfigSaveStatus Status, PushConfig? Config);
