using System.Text.Json.Serialization;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>One thing that must hold at the end of a run.</summary>
/// <param name="What">The thing.</param>
/// <param name="Expected">The figure that is right, or the most that is.</param>
/// <param name="Found">The figure found.</param>
/// <param name="Holds">Whether it is right.</param>
internal sealed record HostileCheck(string What, double Expected, double Found, bool Holds)
{
    internal static HostileCheck Equal(string what, long expected, long found) => new(what, expected, found, expected == found);

    internal static HostileCheck AtMost(string what, double most, double found) => new(what, most, found, found <= most);
}

/// <summary>The outcomes of the deliveries to one kind of endpoint.</summary>
internal sealed record HostileKindReport(string Kind, IReadOnlyDictionary<string, long> Ended);

/// <summary>A run and its judgement.</summary>
internal sealed record HostileReport(
    bool Passed,
    double Minutes,
    int Producers,
    int Kinds,
    long Deliveries,
    long Attempts,
    long OtherRecords,
    long FailedAtHealthyEndpoints,
    long HeapAtRestBytes,
    IReadOnlyList<HostileCheck> Checks,
    IReadOnlyList<HostileKindReport> ByKind,
    IReadOnlyCollection<string> Examples,
    IReadOnlyList<HostileSample> Samples);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HostileReport))]
internal sealed partial class HostileJson : JsonSerializerContext;
