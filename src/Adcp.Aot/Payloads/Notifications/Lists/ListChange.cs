namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The change of a resolved list, in counts. A null count is left out.</summary>
/// <param name="Added">Items added since the last resolution.</param>
/// <param name="Removed">Items removed since then.</param>
/// <param name="Total">Items in the list now.</param>
public readonly record struct ListChange(long? Added = null, long? Removed = null, long? Total = null);
