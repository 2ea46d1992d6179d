using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The resource of an account that a recorded change concerns. Immutable.</summary>
public sealed record ChangedResource
{
    private const int MaxParents = 12;

    /// <summary>Creates the reference.</summary>
    /// <param name="type">The kind, such as <c>media_buy</c>. 1 to 100 of <c>a-z 0-9 _ . -</c>, a letter first.</param>
    /// <param name="resourceId">Its id. 1 to 255 characters.</param>
    /// <param name="parentIds">
    /// The ids of the resources that it belongs to, by kind; at most 12 of at most 255 characters. Null for none.
    /// </param>
    /// <exception cref="ArgumentException">A value breaks its rule.</exception>
    public ChangedResource(string type, string resourceId, IReadOnlyDictionary<string, string>? parentIds = null)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (type.Length is 0 or > 100 || !char.IsAsciiLetterLower(type[0])
            || !type.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '.' or '-'))
        {
            throw new ArgumentException("1 to 100 of a-z 0-9 _ . - that begin with a letter.", nameof(type));
        }

        if (parentIds?.Count > MaxParents)
        {
            throw new ArgumentException($"At most {MaxParents} parents.", nameof(parentIds));
        }

        Type = type;
        ResourceId = JsonWire.Name(resourceId, nameof(resourceId), 255);
        ParentIds = parentIds?.ToDictionary(
            static pair => JsonWire.Name(pair.Key, nameof(parentIds), 255),
            static pair => JsonWire.Name(pair.Value, nameof(parentIds), 255),
            StringComparer.Ordinal);
    }

    /// <summary>Gets the kind.</summary>
    public string Type { get; }

    /// <summary>Gets the id.</summary>
    public string ResourceId { get; }

    /// <summary>Gets the ids of the resources that it belongs to, by kind; <c>null</c> for none.</summary>
    public IReadOnlyDictionary<string, string>? ParentIds { get; }
}
