namespace Adcp.Aot.Generators.Models;

/// <summary>A log that is not a table: JSON Lines or a logger.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="Columns">The members, in order.</param>
/// <param name="EventId">The event id of a logger's entries.</param>
internal sealed record DeliveryLogModel(TypeModel Type, EquatableArray<ColumnModel> Columns, int EventId);
