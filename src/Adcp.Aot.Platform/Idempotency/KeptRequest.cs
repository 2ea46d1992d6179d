using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The row of a request.</summary>
/// <param name="Request">Its identity.</param>
/// <param name="Fingerprint">The fingerprint of its content.</param>
/// <param name="Until">The end of the lease in Unix milliseconds. After the answer, the end of its time.</param>
/// <param name="Answer">The answer; null while the request is in flight or after it failed.</param>
/// <param name="Owner">A random number that identifies the claim.</param>
internal sealed record KeptRequest(string Request, string Fingerprint, long Until, string? Answer = null, long Owner = 0);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KeptRequest))]
internal sealed partial class KeptRequestJson : JsonSerializerContext;

/// <summary>
/// The store's table. SQL and concurrency are generated. A request is stored as a task with two states, and the version
/// of its last save is the fence of a claim.
/// </summary>
[TaskStore<KeptRequest>("adcp_idempotency", TaskIdColumn = "request", TaskColumn = "kept")]
internal sealed partial class KeptRequests
{
    private static JsonTypeInfo<KeptRequest> Contract => KeptRequestJson.Default.KeptRequest;

    private static TaskFacts FactsOf(KeptRequest request) =>
        new(request.Request, null, request.Answer is null ? "in_flight" : "answered", request.Answer is not null);
}
