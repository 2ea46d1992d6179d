namespace Adcp.Aot.Operations;

/// <summary>The parts of <see cref="IWebhookOperations"/> that an implementation has.</summary>
[Flags]
public enum OperationsFeatures
{
    /// <summary>Endpoints can be listed, isolated and reset. Every implementation has this part.</summary>
    None = 0,

    /// <summary>Attempts can be listed.</summary>
    Attempts = 1,

    /// <summary>Dead letters can be listed, delivered again and discarded.</summary>
    DeadLetters = 2,

    /// <summary>Workers and lanes can be listed.</summary>
    Workers = 4,

    /// <summary>All deliveries can be paused. Isolated endpoints and the pause are kept in the store.</summary>
    Pause = 8,
}
