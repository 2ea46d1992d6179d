namespace Adcp.Aot.Storage;

/// <summary>The result of saving a push configuration.</summary>
/// <param name="Status">The status of the save.</param>
/// <param name="Config">The stored configuration, with the id that the store picked if none was given; <c>null</c> if
/// nothing is stored.</param>
public readonly record struct PushConfigSave(PushConfigSaveStatus Status, PushConfig? Config);
