namespace Adcp.Aot.Auditing;

/// <summary>
/// Makes a partial class a sink that passes the same records to several others at once. Its constructor takes them in
/// the order of the attribute. The caller disposes them.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class FanOutDeliveryLogAttribute : Attribute
{
    /// <summary>Lists the sinks.</summary>
    /// <param name="sinks">At least one type that is a sink.</param>
    public FanOutDeliveryLogAttribute(params Type[] sinks) => Sinks = sinks;

    /// <summary>The sinks.</summary>
    public IReadOnlyList<Type> Sinks { get; }
}
