using System.Globalization;
using System.Text.Json;

namespace DurableSeller;

/// <summary>The figures of a run.</summary>
internal sealed record Report(
    int Accepted, int Delivered, long Dead, int Lost, int Repeats, int RepeatsExplained, int Changed, int Unknown, int Kills,
    double PerSecond,
    double P50, double P99)
{
    /// <summary>A disturbance explains a repeat if the first delivery was not settled before it.</summary>
    private static readonly TimeSpan Unsettled = TimeSpan.FromSeconds(1);

    public bool IsSound => Lost == 0 && Changed == 0 && Unknown == 0 && Repeats == RepeatsExplained;

    public static Report Of(
        IReadOnlyDictionary<string, (string Hash, DateTimeOffset At)> accepted, IReadOnlyDictionary<string, Arrivals> arrived, long dead,
        Chaos chaos, TimeSpan elapsed)
    {
        int repeats = 0, explained = 0;
        List<double> latencies = [];
        foreach ((string key, Arrivals arrivals) in arrived)
        {
            if (accepted.TryGetValue(key, out (string Hash, DateTimeOffset At) entry))
            {
                latencies.Add(Math.Max(0, (arrivals.Times[0] - entry.At).TotalMilliseconds));
            }

            for (int i = 1; i < arrivals.Times.Length; i++)
            {
                repeats++;
                explained += chaos.Disturbances.Any(at =>
                    at >= arrivals.Times[i - 1] - Unsettled && at <= arrivals.Times[i] + Unsettled) ? 1 : 0;
            }
        }

        latencies.Sort();
        int delivered = accepted.Keys.Count(arrived.ContainsKey);
        int changed = arrived.Count(entry =>
            !entry.Value.IsSame || (accepted.TryGetValue(entry.Key, out (string Hash, DateTimeOffset At) entered)
                && entered.Hash != entry.Value.Hash));
        return new Report(
            accepted.Count, delivered, dead, (int)Math.Max(0, accepted.Count - delivered - dead), repeats, explained, changed,
            arrived.Keys.Count(key => !accepted.ContainsKey(key)), chaos.Kills, delivered / elapsed.TotalSeconds, At(latencies, 0.5),
            At(latencies, 0.99));
    }

    public string ToJson() => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"accepted\":{Accepted},\"delivered\":{Delivered},\"dead\":{Dead},\"lost\":{Lost},\"repeats\":{Repeats},"
        + $"\"repeats_explained\":{RepeatsExplained},\"changed\":{Changed},\"unknown\":{Unknown},\"kills\":{Kills},"
        + $"\"deliveries_per_second\":{PerSecond:0},\"p50_ms\":{P50:0},\"p99_ms\":{P99:0}}}");

    public void Print(TextWriter output)
    {
        output.WriteLine(
            $"{Delivered:N0} of {Accepted:N0} accepted webhooks were delivered, {PerSecond:N0} a second; {Lost} lost, {Dead} dead "
            + "letters.");
        output.WriteLine(
            $"{Kills} workers were killed. {Repeats} webhooks arrived again with the same key, {RepeatsExplained} of them after a "
            + "kill, pause or restart.");
        output.WriteLine($"From commit to arrival: median {P50:N0} ms, 99 of 100 within {P99:N0} ms.");
        output.WriteLine(IsSound ? "Nothing was lost, changed, or sent without a commit." : "THE RUN IS NOT SOUND.");
    }

    /// <summary>Reads the file that the producer wrote.</summary>
    public static Dictionary<string, (string Hash, DateTimeOffset At)> ReadAccepted(string path)
    {
        Dictionary<string, (string Hash, DateTimeOffset At)> accepted = new(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            accepted[json.RootElement.GetProperty("key").GetString()!] =
                (json.RootElement.GetProperty("sha256").GetString()!, json.RootElement.GetProperty("at").GetDateTimeOffset());
        }

        return accepted;
    }

    private static double At(List<double> sorted, double share) => sorted.Count == 0 ? 0 : sorted[(int)((sorted.Count - 1) * share)];
}
