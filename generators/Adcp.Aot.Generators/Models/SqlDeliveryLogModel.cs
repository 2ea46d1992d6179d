using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Models;

/// <summary>A log that is a table.</summary>
/// <param name="Type">The attributed class.</param>
/// <param name="Table">The table, with or without its schema.</param>
/// <param name="Dialect">The database; Any for all.</param>
/// <param name="Columns">The columns, in order.</param>
/// <param name="Principal">The column of the attempt's owner; null for none.</param>
/// <param name="Subscriber">The column of the subscriber id; null for none.</param>
/// <param name="HasReader"><c>true</c> if the columns are enough for webhook activity.</param>
internal sealed record SqlDeliveryLogModel(
    TypeModel Type,
    string Table,
    Dialect Dialect,
    EquatableArray<ColumnModel> Columns,
    string? Principal,
    string? Subscriber,
    bool HasReader)
{
    /// <summary>Gets the column of the principal; null for none.</summary>
    public ColumnModel? PrincipalColumn => Columns.FirstOrDefault(column => column.Name == Principal);

    /// <summary>Returns the column of a field that is kept.</summary>
    public ColumnModel? Of(string field) => Columns.FirstOrDefault(column => column.Field == field);
}
