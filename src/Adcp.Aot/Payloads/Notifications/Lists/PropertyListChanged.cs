namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>property-list-changed-webhook</c>.</summary>
public sealed class PropertyListChanged : ListChanged
{
    private protected override string Kind => "property";

    private protected override string Items => "properties";
}
