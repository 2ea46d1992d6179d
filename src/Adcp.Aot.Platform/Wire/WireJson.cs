using System.Text.Json;
using System.Text.Json.Serialization;

namespace Adcp.Aot.Platform;

/// <summary>The contracts of JSON that the platform itself reads and writes.</summary>
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class WireJson : JsonSerializerContext;
