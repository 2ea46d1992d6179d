namespace Adcp.Aot.TestResources;

/// <summary>Marks a test, or a class of tests, that needs a resource.</summary>
/// <remarks>If the resource is absent, <see cref="NeedsTestFramework"/> leaves the tests out.</remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
internal sealed class NeedsAttribute(Resource resource) : Attribute
{
    public Resource Resource { get; } = resource;
}
