namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>One kind of endpoint and the load it gets.</summary>
/// <param name="Name">The first segment of its urls.</param>
/// <param name="AnswerAsync">Answers one request; true if the connection may be used again.</param>
internal sealed record HostileKind(string Name, Func<HostileConnection, Task<bool>> AnswerAsync)
{
    /// <summary>The producers that deliver to this kind and no other.</summary>
    internal int Producers { get; init; } = 1;

    internal HostileSite Site { get; init; }

    /// <summary>The urls that its producers go through.</summary>
    internal int Urls { get; init; } = 8;

    /// <summary>Gets whether the webhooks have 9.9 MB.</summary>
    internal bool IsLarge { get; init; }

    /// <summary>Gets whether the body is read. <c>false</c> to answer before the body is read.</summary>
    internal bool ReadsBody { get; init; } = true;

    /// <summary>
    /// Gets whether the endpoint itself does nothing wrong: failures there are another endpoint's or the sender's
    /// fault, and are reported.
    /// </summary>
    internal bool IsHealthy { get; init; }
}
