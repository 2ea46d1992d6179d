using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>The model of a push-configuration store. The generated text depends on nothing else.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="Dialect">The SQL dialect.</param>
/// <param name="Table">The table and its columns.</param>
/// <param name="Tasks">The table that they refer to.</param>
/// <param name="Extra">Columns of the adopter.</param>
internal sealed record PushConfigStoreModel(TypeModel Type, Dialect Dialect, PushConfigTable Table, TaskTable Tasks,
    EquatableArray<StoreColumn> Extra);
