namespace Adcp.Aot.Storage;

/// <summary>
/// Makes a partial class a delivery-log sink for an SQL table: batches, create-if-absent DDL and, where
/// <see cref="Principal"/> is named, a reader of AdCP's <c>webhook_activity</c>. Every field of an attempt is kept
/// under its name in snake_case; <c>[DeliveryLogColumn]</c> renames, cuts, hides and adds, <c>[DeliveryLogIgnore]</c>
/// leaves out.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class SqlDeliveryLogAttribute : Attribute
{
    /// <summary>Names the table.</summary>
    /// <param name="table"><c>table</c> or <c>schema.table</c>; ASCII letters, digits and underscores.</param>
    public SqlDeliveryLogAttribute(string table) => Table = table;

    /// <summary>The table.</summary>
    public string Table { get; }

    /// <summary>The database. Default <see cref="SqlDialect.Any"/>: the constructor says which.</summary>
    public SqlDialect Dialect { get; set; }

    /// <summary>True to keep only fields that have a <c>[DeliveryLogColumn]</c>. Default false: all.</summary>
    public bool OnlyMapped { get; set; }

    /// <summary>
    /// The column that says whose attempt it is. With it a reader is generated that is scoped to one principal; there
    /// is no other.
    /// </summary>
    public string? Principal { get; set; }

    /// <summary>The column that holds the <c>subscriber_id</c> of account and agent channels, for the reader.</summary>
    public string? Subscriber { get; set; }
}
