namespace Adcp.Aot.Generators.Models;

/// <summary>The C# type of a column's value.</summary>
internal enum ValueKind
{
    Text,
    Int16,
    Int32,
    Int64,
    Double,
    Decimal,
    Boolean,
    Guid,
    Time,
}
