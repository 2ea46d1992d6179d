namespace Adcp.Aot.Generators.Models;

/// <summary>What C# gives for a column.</summary>
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
