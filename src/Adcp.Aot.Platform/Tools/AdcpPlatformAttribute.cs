namespace Adcp.Aot.Platform;

/// <summary>
/// Makes a partial class an <see cref="IAdcpPlatform"/>: the generator emits the dispatch to its
/// <see cref="AdcpToolAttribute"/> methods, with arguments and results through the contracts of
/// <paramref name="jsonContext"/>.
/// </summary>
/// <param name="jsonContext">A source-generated <c>JsonSerializerContext</c> that knows every argument and result type.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class AdcpPlatformAttribute(Type jsonContext) : Attribute
{
    /// <summary>The contracts.</summary>
    public Type JsonContext { get; } = jsonContext;
}
