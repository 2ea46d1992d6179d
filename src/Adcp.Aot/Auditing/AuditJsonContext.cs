using System.Text.Json.Serialization;

namespace Adcp.Aot.Auditing;

/// <summary>Source-generated JSON of the audit types.</summary>
[JsonSerializable(typeof(WebhookActivityRecord))]
internal sealed partial class AuditJsonContext : JsonSerializerContext;
