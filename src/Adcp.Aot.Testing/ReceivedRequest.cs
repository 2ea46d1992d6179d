namespace Adcp.Aot.Testing;

/// <summary>A request that a <see cref="ScriptedReceiver"/> got. Immutable.</summary>
public sealed class ReceivedRequest
{
    private readonly Dictionary<string, string> _headers;

    internal ReceivedRequest(string target, Dictionary<string, string> headers, ReadOnlyMemory<byte> body)
    {
        Target = target;
        _headers = headers;
        Body = body;
    }

    /// <summary>Gets path and query.</summary>
    public string Target { get; }

    /// <summary>Gets the body; empty if it was not read.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Returns a header; <see langword="null"/> if it is absent.</summary>
    /// <param name="name">Its name, in any case.</param>
    public string? Header(string name) => _headers.GetValueOrDefault(name);
}
