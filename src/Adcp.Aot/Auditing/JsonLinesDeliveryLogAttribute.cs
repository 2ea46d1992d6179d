namespace Adcp.Aot.Auditing;

/// <summary>
/// Makes a partial class a delivery-log sink that writes one JSON object per line, to a file or a pipe. Every field of
/// an attempt is a member under its name in snake_case, left out if null; <c>[DeliveryLogColumn]</c> renames, cuts,
/// hides and adds, <c>[DeliveryLogIgnore]</c> leaves out.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class JsonLinesDeliveryLogAttribute : Attribute
{
    /// <summary>
    /// Set it to keep only fields that have a <c>[DeliveryLogColumn]</c>. Default false: all fields are kept.
    /// </summary>
    public bool OnlyMapped { get; set; }
}
