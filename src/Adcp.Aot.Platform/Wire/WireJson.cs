using System.Text.Json;
using System.Text.Json.Serialization;

namespace Adcp.Aot.Platform;

/// <summary>Contracts of what the platform reads and writes itself.</summary>
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class WireJson : JsonSerializerContext;
