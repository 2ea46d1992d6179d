namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>collection-list-changed-webhook</c>.</summary>
public sealed class CollectionListChanged : ListChanged
{
    private protected override string Kind => "collection";

    private protected override string Items => "collections";
}
