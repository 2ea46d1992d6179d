using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Everything that a task store's text depends on.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="TaskType">The task, <c>global::</c> and all.</param>
/// <param name="Contract">The member that gives the <c>JsonTypeInfo</c>.</param>
/// <param name="Facts">The method that gives the <c>TaskFacts</c>.</param>
/// <param name="Dialect">Which SQL.</param>
/// <param name="Table">Where and how the rows are kept.</param>
/// <param name="Extra">Columns of the adopter.</param>
internal sealed record TaskStoreModel(
    TypeModel Type, string TaskType, string Contract, string Facts, Dialect Dialect, TaskTable Table, EquatableArray<StoreColumn> Extra);
