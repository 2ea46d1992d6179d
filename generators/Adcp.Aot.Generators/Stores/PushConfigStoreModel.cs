using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Everything that a push-configuration store's text depends on.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="Dialect">Which SQL.</param>
/// <param name="Table">Where and how the rows are kept.</param>
/// <param name="Tasks">The table that they refer to.</param>
/// <param name="Extra">Columns of the adopter.</param>
internal sealed record PushConfigStoreModel(TypeModel Type, Dialect Dialect, PushConfigTable Table, TaskTable Tasks,
    EquatableArray<StoreColumn> Extra);
