using System.Text.Json.Serialization;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>All lines, and the machine that they were measured on.</summary>
internal sealed record GatesReport(string Runtime, string Machine, int Processors, double Slack, double Seconds, IReadOnlyList<Gate> Gates);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(GatesReport))]
[JsonSerializable(typeof(Gate[]))]
[JsonSerializable(typeof(NativeGates.Report))]
internal sealed partial class GatesJson : JsonSerializerContext;
