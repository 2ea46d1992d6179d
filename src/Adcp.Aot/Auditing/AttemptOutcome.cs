namespace Adcp.Aot.Auditing;

/// <summary>The outcome of an attempt, or the reason why there was none.</summary>
public enum AttemptOutcome
{
    /// <summary>2xx. Wire: <c>success</c>.</summary>
    Success = 0,

    /// <summary>Any other answer, or none. Wire: <c>failure</c>.</summary>
    Failure = 1,

    /// <summary>Not attempted: the circuit refused. Wire: <c>circuit_open</c>.</summary>
    CircuitOpen = 2,

    /// <summary>Ended by the caller or by shutdown. Wire: <c>cancelled</c>.</summary>
    Cancelled = 3,

    /// <summary>Ended by the delivery's deadline. Wire: <c>expired</c>.</summary>
    Expired = 4,

    /// <summary>Not sent by our own decision or fault: guard, signing, a sender that threw. Wire: <c>refused</c>.</summary>
    Refused = 5,

    /// <summary>Not attempted, and the delivery ended: the seller's authorizer forbade it. Wire: <c>suppressed</c>.</summary>
    Suppressed = 6,

    /// <summary>Not attempted now: the seller's authorizer could not decide, or said "later". Wire: <c>deferred</c>.</summary>
    Deferred = 7,
}
