namespace Adcp.Aot.Auditing;

/// <summary>Lists the fields that a generated delivery log leaves out.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class DeliveryLogIgnoreAttribute : Attribute
{
    /// <summary>Leaves fields out.</summary>
    /// <param name="fields">The fields.</param>
    public DeliveryLogIgnoreAttribute(params AttemptField[] fields) => Fields = fields;

    /// <summary>The fields.</summary>
    public IReadOnlyList<AttemptField> Fields { get; }
}
