using System.Text.Json.Serialization;

namespace Adcp.Aot.Payloads.Notifications;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(ChallengeMembers))]
internal sealed partial class ChallengeJson : JsonSerializerContext;
