using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Operations.Api;

/// <summary>The JSON of the operator API: names in snake_case, states and outcomes by their names on the wire.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters =
    [
        typeof(WireEnum<CircuitState>), typeof(WireEnum<AttemptOutcome>), typeof(WireEnum<WebhookSendError>),
        typeof(WireEnum<DeadLetterJobState>), typeof(WireEnum<RedriveWait>), typeof(WireEnum<OutboxDeliveryState>),
        typeof(SecondsConverter),
    ])]
[JsonSerializable(typeof(OperationsStatus))]
[JsonSerializable(typeof(OperationsPage<EndpointStatus>), TypeInfoPropertyName = "EndpointPage")]
[JsonSerializable(typeof(OperationsPage<DeliveryAttemptSnapshot>), TypeInfoPropertyName = "AttemptPage")]
[JsonSerializable(typeof(IReadOnlyList<ActionRecord>), TypeInfoPropertyName = "Actions")]
[JsonSerializable(typeof(EndpointStatus))]
[JsonSerializable(typeof(OperationsPage<DeadLetter>), TypeInfoPropertyName = "DeadLetterPage")]
[JsonSerializable(typeof(DeadLetter))]
[JsonSerializable(typeof(DeadLetterCount))]
[JsonSerializable(typeof(DeadLetterJob))]
[JsonSerializable(typeof(IReadOnlyList<DeadLetterJob>), TypeInfoPropertyName = "DeadLetterJobs")]
[JsonSerializable(typeof(WorkersStatus))]
[JsonSerializable(typeof(DeliveryStory))]
[JsonSerializable(typeof(RedriveRequest))]
[JsonSerializable(typeof(DiscardRequest))]
[JsonSerializable(typeof(BodyDocument))]
[JsonSerializable(typeof(OperationsFeaturesDocument))]
[JsonSerializable(typeof(ActionRequest))]
[JsonSerializable(typeof(ApiFault))]
internal sealed partial class OperationsJson : JsonSerializerContext
{
    /// <summary>
    /// Every action has this header. A page of another site cannot set it without a preflight request, which nothing here answers.
    /// </summary>
    internal const string ActionHeader = "X-Adcp-Operations";
}

/// <summary>Writes an enumeration in snake_case.</summary>
internal sealed class WireEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower)
    where T : struct, Enum;

/// <summary>Writes a duration in seconds.</summary>
internal sealed class SecondsConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        TimeSpan.FromSeconds(reader.GetDouble());

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(Math.Round(value.TotalSeconds, 3));
}

/// <summary>
/// The parts that the operations have, whether bodies can be opened, whether an action needs a reason, and the name of the caller.
/// </summary>
internal sealed record OperationsFeaturesDocument(
    string Actor, bool Attempts, bool DeadLetters, bool Workers, bool Pause, bool Bodies, bool RequiresReason);

/// <summary>
/// The body of an action, which has a reason and may be a dry run. Implementations refuse unknown members: without a filter whose name is
/// misspelled, an action would take all dead letters.
/// </summary>
internal interface IActionRequest
{
    string? Reason { get; }

    bool DryRun { get; }
}

/// <summary>The body of an action that needs nothing else.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ActionRequest(string? Reason) : IActionRequest
{
    bool IActionRequest.DryRun => false;
}

/// <summary>The body of a redrive. An empty filter means all dead letters; without a filter there is no redrive.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record RedriveRequest(string? Reason, DeadLetterFilter? Filter, bool DryRun, bool AllowsNewKey, int? RatePerSecond)
    : IActionRequest;

/// <summary>The dead letters of a redrive or a discard, as in <see cref="DeadLetterQuery"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record DeadLetterFilter(
    string? Tenant, string? Reason, string? EndpointId, string? NotificationType, IReadOnlyList<long>? Ids, long? Before)
{
    /// <summary>Returns the filter of a query.</summary>
    internal static DeadLetterFilter Of(DeadLetterQuery query) =>
        new(query.Tenant, query.Reason, query.EndpointId, query.NotificationType, query.Ids, query.Before);

    /// <summary>Returns the query.</summary>
    /// <exception cref="ArgumentException">A member breaks its rule.</exception>
    internal DeadLetterQuery ToQuery() => new()
    {
        Tenant = Tenant,
        Reason = Reason,
        EndpointId = EndpointId,
        NotificationType = NotificationType,
        Ids = Ids,
        Before = Before,
    };
}

/// <summary>The body of a discard. An empty filter means all dead letters; without a filter there is no discard.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record DiscardRequest(string? Reason, DeadLetterFilter? Filter, bool DryRun) : IActionRequest;

/// <summary>The body of a webhook, as text.</summary>
internal sealed record BodyDocument(string Content);

/// <summary>The body of an answer that is not a success.</summary>
internal sealed record ApiFault(string Error);
