namespace Adcp.Aot.Testing;

/// <summary>An attempt that a sink has kept, as <see cref="DeliveryLogSinkContract"/> reads it.</summary>
/// <param name="IdempotencyKey">The key of the webhook.</param>
/// <param name="AttemptNumber">The number of the attempt, from 1.</param>
public readonly record struct RecordedAttempt(string IdempotencyKey, int AttemptNumber);
