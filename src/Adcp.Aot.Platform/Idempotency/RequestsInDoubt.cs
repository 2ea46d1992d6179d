namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The number of unresolved requests.</summary>
/// <param name="Count">The number, over all tenants.</param>
/// <param name="Oldest">The time of the first attempt of the oldest; <c>null</c> if there are none.</param>
public readonly record struct RequestsInDoubt(long Count, DateTimeOffset? Oldest);
