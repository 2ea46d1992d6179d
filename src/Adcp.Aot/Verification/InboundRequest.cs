namespace Adcp.Aot.Verification;

/// <summary>
/// A webhook request without its body. Header values are read when they are needed; nothing is copied.
/// </summary>
public readonly struct InboundRequest
{
    private readonly Func<string, string?> _header;

    /// <summary>Creates a request whose headers are looked up.</summary>
    /// <param name="method">The method as it arrived.</param>
    /// <param name="url">
    /// The absolute url that the sender called: the origin from your configuration, then path and query as they were on
    /// the wire, not decoded. If you take the origin from the request's own <c>Host</c>, webhooks that were signed for
    /// another host are accepted.
    /// </param>
    /// <param name="header">
    /// Returns the value of a header by its lowercase name, compared without case. Several lines of one name are joined by <c>", "</c>; a
    /// header that is absent is <see langword="null"/>.
    /// </param>
    /// <param name="host">
    /// The <c>Host</c> or <c>:authority</c> as it arrived, if <paramref name="url"/> was not built from it. It must
    /// name the same authority.
    /// </param>
    /// <exception cref="ArgumentNullException">A reference other than <paramref name="host"/> is null.</exception>
    public InboundRequest(string method, string url, Func<string, string?> header, string? host = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(url);
        ArgumentNullException.ThrowIfNull(header);
        Method = method;
        Url = url;
        Host = host;
        _header = header;
    }

    /// <summary>Creates a request from a list of headers, for tools and tests.</summary>
    /// <param name="method">The method as it arrived.</param>
    /// <param name="url">The absolute url; see the other constructor.</param>
    /// <param name="headers">The header lines.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public InboundRequest(string method, string url, IEnumerable<KeyValuePair<string, string>> headers)
        : this(method, url, name => Joined(headers, name))
    {
        ArgumentNullException.ThrowIfNull(headers);
    }

    /// <summary>The method.</summary>
    public string Method { get; }

    /// <summary>The absolute url as it arrived. It may hold secrets: do not log it.</summary>
    public string Url { get; }

    /// <summary>The <c>Host</c> or <c>:authority</c>; <c>null</c> if the url was built from it.</summary>
    public string? Host { get; }

    /// <summary>Returns the method only.</summary>
    public override string ToString() => Method ?? "";

    /// <summary>Returns the same request with another url.</summary>
    internal InboundRequest WithUrl(string url) => new(Method, url, _header);

    internal string? Header(string name) => _header(name);

    private static string? Joined(IEnumerable<KeyValuePair<string, string>> headers, string name)
    {
        string? joined = null;
        foreach ((string key, string value) in headers)
        {
            if (key.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                joined = joined is null ? value : $"{joined}, {value}";
            }
        }

        return joined;
    }
}
