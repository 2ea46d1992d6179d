namespace Adcp.Aot.Platform;

/// <summary>
/// Makes a partial class an <see cref="IAdcpPlatform"/>. The generator writes the dispatch to its
/// <see cref="AdcpToolAttribute"/> methods and uses the contracts of <paramref name="jsonContext"/> for arguments and
/// results.
/// </summary>
/// <param name="jsonContext">A source-generated <c>JsonSerializerContext</c> with every argument and result
/// type.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class AdcpPlatformAttribute(Type jsonContext) : Attribute
{
    /// <summary>The contracts.</summary>
    public Type JsonContext { get; } = jsonContext;
}
