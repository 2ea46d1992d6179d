using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>The model of a task store. The generated text depends on nothing else.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="TaskType">The task's type with <c>global::</c>.</param>
/// <param name="Contract">The member that gives the <c>JsonTypeInfo</c>.</param>
/// <param name="Facts">The method that gives the <c>TaskFacts</c>.</param>
/// <param name="Dialect">The SQL dialect.</param>
/// <param name="Table">The table and its columns.</param>
/// <param name="Extra">Columns of the adopter.</param>
internal sealed record TaskStoreModel(
    TypeModel Type, string TaskType, string Contract, string Facts, Dialect Dialect, TaskTable Table, EquatableArray<StoreColumn> Extra);
