using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>A worker as it is stored, and its lanes in order.</summary>
internal sealed record OutboxWorkerRow(Guid Worker, string Name, TimeSpan LeaseLeft, bool IsDraining, IReadOnlyList<int> Lanes)
{
    /// <summary>Reads lanes from a text such as <c>1,2,5</c>.</summary>
    internal static IReadOnlyList<int> LanesOf(string text) => text.Length == 0
        ? []
        : [.. text.Split(',').Select(static lane => int.Parse(lane, CultureInfo.InvariantCulture)).Order()];
}
