namespace Adcp.Aot.Delivery;

/// <summary>The kind of an <see cref="AttemptDecision"/>.</summary>
public enum AttemptDecisionKind
{
    /// <summary>The attempt is not made now, and does not count. The authorizer is asked again.</summary>
    Later = 0,

    /// <summary>The attempt is made.</summary>
    Allow = 1,

    /// <summary>The delivery ends. The webhook becomes a dead letter.</summary>
    Suppress = 2,
}
