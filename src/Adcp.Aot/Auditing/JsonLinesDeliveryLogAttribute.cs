namespace Adcp.Aot.Auditing;

/// <summary>
/// Makes a partial class a delivery-log sink that writes one JSON object a line, to a file or a pipe. Every field of an
/// attempt is a member under its name in snake_case, left out where null; <c>[DeliveryLogColumn]</c> renames, cuts,
/// hides and adds, <c>[DeliveryLogIgnore]</c> leaves out.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class JsonLinesDeliveryLogAttribute : Attribute
{
    /// <summary>True to keep only fields that have a <c>[DeliveryLogColumn]</c>. Default false: all.</summary>
    public bool OnlyMapped { get; set; }
}
