namespace Adcp.Aot.Platform.Idempotency;

/// <summary>An unresolved request, as an operator sees it. It shows neither key nor content.</summary>
/// <param name="Tenant">The authenticated caller.</param>
/// <param name="Id">The id by which <see cref="RequestOperations.ResolveAsync"/> finds it.</param>
/// <param name="Request">
/// The first 16 digits of <see cref="ToolCall.RequestId"/>, as log event 2020 names the request together with its tool.
/// </param>
/// <param name="BegunAt">The time of its first attempt.</param>
/// <param name="TaskId">The task that the attempt was about to open; <c>null</c> for none.</param>
public sealed record RequestInDoubt(string Tenant, string Id, string Request, DateTimeOffset BegunAt, string? TaskId);
