using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>A column whose value a method of the attributed class computes.</summary>
/// <param name="Name">The column.</param>
/// <param name="Member">The method.</param>
/// <param name="IsStatic">True if the method is static.</param>
/// <param name="TakesScope">True if the method takes the scope as its first parameter.</param>
/// <param name="Type">The type of the column.</param>
/// <param name="MaxLength">The bound of a text in the table that is created; 0 for none.</param>
internal sealed record StoreColumn(string Name, string Member, bool IsStatic, bool TakesScope, StoredType Type, int MaxLength);
