using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Adcp.Aot;

namespace Quickstart;

/// <summary>The figures of a run.</summary>
internal sealed record Report
{
    public required int Accepted { get; init; }
    public required int Delivered { get; init; }
    public required int Stopped { get; init; }
    /// <summary>Deliveries that the seller gave up while the receiver was still failing.</summary>
    public required int Undelivered { get; init; }
    public required int Lost { get; init; }
    public required long Attempts { get; init; }
    public required long Requests { get; init; }
    public required int DistinctKeys { get; init; }
    public required long DuplicatesByKey { get; init; }
    /// <summary>Requests whose signature the buyer verified.</summary>
    public required long Verified { get; init; }
    public required long Unsigned { get; init; }
    /// <summary>Refused: signed, but not by the seller. With faults the intruder sends one.</summary>
    public required long Forged { get; init; }
    /// <summary>Refused: signed by the seller, but too long ago. With faults the intruder sends one.</summary>
    public required long Stale { get; init; }
    public required long Corrupt { get; init; }
    public required int BreakerTransitions { get; init; }
    public required int BreakerOpenings { get; init; }
    public required double Seconds { get; init; }
    public required double DeliveriesPerSecond { get; init; }
    public required double P50Ms { get; init; }
    public required double P99Ms { get; init; }
    public required long AuditRecords { get; init; }
    public required long AuditRecordsDropped { get; init; }
    public required string AuditLog { get; init; }

    [JsonIgnore]
    public IReadOnlyList<(string Outcome, int Count)> Outcomes { get; init; } = [];

    [JsonIgnore]
    public int Intrusions { get; init; }

    [JsonIgnore]
    public bool IsSound =>
        Lost == 0 && Corrupt == 0 && Unsigned == 0 && Forged == Intrusions && Stale == Intrusions && AuditRecordsDropped == 0;

    public static Report Of(Delivered[] results, Buyer buyer, Seller seller, int intrusions, TimeSpan elapsed, string auditPath)
    {
        IEnumerable<Delivered> successes = results.Where(static r => r.Status == DeliveryStatus.Delivered);
        double[] ms = [.. successes.Select(static r => r.Elapsed.TotalMilliseconds).Order()];
        int delivered = results.Count(r => r.Status == DeliveryStatus.Delivered && buyer.Processed(r.Key));
        int stopped = results.Count(static r => r.Status is DeliveryStatus.Rejected or DeliveryStatus.Refused);
        return new Report
        {
            Accepted = results.Length,
            Delivered = delivered,
            Stopped = stopped,
            Undelivered = results.Count(static r => r.Status is DeliveryStatus.CircuitOpen or DeliveryStatus.Exhausted),

            // Reported as delivered although the buyer never processed it, or ended without a reason that the seller
            // could act on.
            Lost = results.Count(r => r.Status == DeliveryStatus.Delivered
                ? !buyer.Processed(r.Key)
                : r.Status is not (
                    DeliveryStatus.Rejected or DeliveryStatus.Refused or DeliveryStatus.CircuitOpen or DeliveryStatus.Exhausted)),
            Attempts = results.Sum(static r => (long)r.Attempts),
            Requests = buyer.Requests,
            DistinctKeys = buyer.DistinctKeys,
            DuplicatesByKey = buyer.Duplicates,
            Verified = buyer.Requests,
            Unsigned = buyer.Unsigned,
            Forged = buyer.Forged,
            Stale = buyer.Stale,
            Intrusions = intrusions,
            Corrupt = buyer.Corrupt,
            BreakerTransitions = seller.Transitions,
            BreakerOpenings = seller.Openings,
            Seconds = Math.Round(elapsed.TotalSeconds, 3),
            DeliveriesPerSecond = Math.Round(results.Length / elapsed.TotalSeconds, 1),
            P50Ms = Percentile(ms, 0.50),
            P99Ms = Percentile(ms, 0.99),
            AuditRecords = seller.AuditRecords,
            AuditRecordsDropped = seller.RecordsDropped,
            AuditLog = auditPath,
            Outcomes =
            [
                .. results.GroupBy(static r => r.Code is null ? r.Status.ToString() : $"{r.Status} ({r.Code})")
                    .OrderByDescending(static g => g.Count()).Select(static g => (g.Key, g.Count())),
            ],
        };
    }

    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.Report);

    public void Print(TextWriter output)
    {
        void Row(string name, FormattableString value) => output.WriteLine($"  {name,-34}{value.ToString(CultureInfo.InvariantCulture)}");
        output.WriteLine();
        Row("deliveries", $"{Accepted:N0}");
        Row("attempts", $"{Attempts:N0}");
        foreach ((string outcome, int count) in Outcomes)
        {
            Row("  " + outcome, $"{count:N0}");
        }

        Row("breaker transitions", $"{BreakerTransitions:N0}, {BreakerOpenings:N0} openings");
        Row("keys at the buyer", $"{DistinctKeys:N0}");
        Row("duplicates by key", $"{DuplicatesByKey:N0}  (processed again because the answer was lost; the key shows it)");
        Row("signatures verified", $"{Verified:N0}");
        string intruder = Intrusions > 0 ? "(an intruder sent one forged and one stale)" : "";
        Row("refused: forged, stale, unsigned", $"{Forged:N0}, {Stale:N0}, {Unsigned:N0}  {intruder}");
        Row("corrupt", $"{Corrupt:N0}");
        Row("undelivered, lost", $"{Undelivered:N0}, {Lost:N0}");
        Row("p50 / p99", $"{P50Ms:N1} ms / {P99Ms:N1} ms");
        Row("deliveries per second", $"{DeliveriesPerSecond:N0} over {Seconds:N1} s");
        Row("audit records", $"{AuditRecords:N0}, {AuditRecordsDropped:N0} dropped");
        Row("audit log", $"{AuditLog}");
    }

    private static double Percentile(double[] sorted, double rank) =>
        sorted.Length == 0 ? 0 : Math.Round(sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * rank))], 2);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Report))]
internal sealed partial class ReportJson : JsonSerializerContext;
