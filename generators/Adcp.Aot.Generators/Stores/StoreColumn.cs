using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>A column whose value a method of the attributed class computes.</summary>
/// <param name="Name">The column.</param>
/// <param name="Member">The method.</param>
/// <param name="TakesScope">True where the method takes the scope before what is saved.</param>
/// <param name="Type">What it holds.</param>
/// <param name="MaxLength">The bound of a text in the table that is created; 0 for none.</param>
internal sealed record StoreColumn(string Name, string Member, bool TakesScope, StoredType Type, int MaxLength);
