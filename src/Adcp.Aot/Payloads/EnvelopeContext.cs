namespace Adcp.Aot.Payloads;

/// <summary>
/// The values that the sender and the registration contribute to a body. Frozen before the first attempt.
/// </summary>
/// <param name="Version">The AdCP version that is spoken.</param>
/// <param name="IdempotencyKey">The delivery's key, the same on every retry.</param>
/// <param name="Timestamp">The time when the delivery was generated, in UTC.</param>
/// <param name="OperationId">The registration's <c>operation_id</c>, echoed verbatim.</param>
/// <param name="Token">The registration's <c>token</c>, echoed verbatim.</param>
/// <param name="SequenceNumber">The delivery's number in its stream, from 1; <c>null</c> if it has none.</param>
public readonly record struct EnvelopeContext(
    AdcpVersion Version,
    string IdempotencyKey,
    DateTimeOffset Timestamp,
    string? OperationId,
    string? Token,
    long? SequenceNumber)
{
    /// <summary>Returns the type's name only: the token is a secret.</summary>
    public override string ToString() => nameof(EnvelopeContext);
}
