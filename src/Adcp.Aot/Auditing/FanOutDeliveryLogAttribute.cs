namespace Adcp.Aot.Auditing;

/// <summary>
/// Makes a partial class a sink that gives the same records to several others at once. Its constructor takes them in
/// the order of the attribute; they stay the caller's.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class FanOutDeliveryLogAttribute : Attribute
{
    /// <summary>Returns the sinks.</summary>
    /// <param name="sinks">At least one type that is a sink.</param>
    public FanOutDeliveryLogAttribute(params Type[] sinks) => Sinks = sinks;

    /// <summary>The sinks.</summary>
    public IReadOnlyList<Type> Sinks { get; }
}
