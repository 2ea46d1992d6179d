namespace Adcp.Aot.Storage;

/// <summary>The ready rows of one kind of an endpoint.</summary>
internal sealed class OutboxRowQueue : Queue<OutboxRow>
{
    /// <summary>Gets or sets whether the rotation of these rows holds the endpoint. Set by <see cref="OutboxRotation"/> only.</summary>
    internal bool IsListed { get; set; }
}
