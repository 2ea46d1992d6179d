namespace Adcp.Aot.Payloads;

/// <summary>What the sender and the registration contribute to a body; frozen before the first attempt.</summary>
/// <param name="Version">The AdCP generation spoken.</param>
/// <param name="IdempotencyKey">The delivery's key, the same on every retry.</param>
/// <param name="Timestamp">When the delivery was generated, in UTC.</param>
/// <param name="OperationId">The registration's <c>operation_id</c>, echoed verbatim.</param>
/// <param name="Token">The registration's <c>token</c>, echoed verbatim.</param>
/// <param name="SequenceNumber">The delivery's number in its stream, from 1, where it has one.</param>
public readonly record struct EnvelopeContext(
    AdcpVersion Version,
    string IdempotencyKey,
    DateTimeOffset Timestamp,
    string? OperationId,
    string? Token,
    long? SequenceNumber)
{
    /// <summary>Names the type only: the token is a secret.</summary>
    public override string ToString() => nameof(EnvelopeContext);
}
