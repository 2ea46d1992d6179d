namespace Adcp.Aot.Storage;

/// <summary>
/// Makes a partial class a delivery-log sink for an SQL table. The generator writes batches, create-if-absent DDL and,
/// if <see cref="Principal"/> is set, a reader of AdCP's <c>webhook_activity</c>. Every field of an attempt is kept
/// under its name in snake_case; <c>[DeliveryLogColumn]</c> renames, cuts, hides and adds, <c>[DeliveryLogIgnore]</c>
/// leaves out.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class SqlDeliveryLogAttribute : Attribute
{
    /// <summary>Creates the attribute for a table.</summary>
    /// <param name="table"><c>table</c> or <c>schema.table</c>; ASCII letters, digits and underscores.</param>
    public SqlDeliveryLogAttribute(string table) => Table = table;

    /// <summary>The table.</summary>
    public string Table { get; }

    /// <summary>The database. Default <see cref="SqlDialect.Any"/>: the constructor takes the dialect.</summary>
    public SqlDialect Dialect { get; set; }

    /// <summary>
    /// Set it to keep only fields that have a <c>[DeliveryLogColumn]</c>. Default false: all fields are kept.
    /// </summary>
    public bool OnlyMapped { get; set; }

    /// <summary>
    /// The column that holds the owner of an attempt. If it is set, a reader for one principal is generated. There is
    /// no reader without it.
    /// </summary>
    public string? Principal { get; set; }

    /// <summary>The column that holds the <c>subscriber_id</c> of account and agent channels, for the reader.</summary>
    public string? Subscriber { get; set; }
}
