using System.Globalization;
using System.Text.Json;

namespace DurableSeller;

/// <summary>The figures of a run.</summary>
internal sealed record Report
{
    /// <summary>A result is committed soon. Until then, an event that the worker does not survive repeats the delivery.</summary>
    private static readonly TimeSpan Unsettled = TimeSpan.FromSeconds(10);

    public required int Accepted { get; init; }

    public required int Delivered { get; init; }

    public required long Dead { get; init; }

    public required int Repeats { get; init; }

    public required int RepeatsExplained { get; init; }

    /// <summary>Gets the repeats without an explanation, with both requests.</summary>
    public required IReadOnlyList<string> Unexplained { get; init; }

    public required int Changed { get; init; }

    public required int Unknown { get; init; }

    public required int Streams { get; init; }

    public required long SequenceFaults { get; init; }

    public required IReadOnlyList<Disturbance> Disturbances { get; init; }

    public required int LeaseLosses { get; init; }

    public required double PerSecond { get; init; }

    public required double P50 { get; init; }

    public required double P99 { get; init; }

    public int Lost => (int)Math.Max(0, Accepted - Delivered - Dead);

    public bool IsSound => Lost == 0 && Changed == 0 && Unknown == 0 && SequenceFaults == 0 && Repeats == RepeatsExplained;

    /// <param name="acceptedFile">The file that the producers wrote. It is read line by line: a run may have millions.</param>
    /// <param name="receiver">The receiver, which holds a few hundred bytes for each webhook.</param>
    /// <param name="dead">The number of dead letters.</param>
    /// <param name="disturbances">The events of the run.</param>
    /// <param name="losses">When workers lost their lease by themselves.</param>
    /// <param name="elapsed">How long the run took.</param>
    public static Report Of(
        string acceptedFile, Receiver receiver, long dead, IReadOnlyList<Disturbance> disturbances,
        IEnumerable<(string Worker, DateTimeOffset At)> losses, TimeSpan elapsed)
    {
        IReadOnlyDictionary<string, Arrivals> arrived = receiver.Arrived;
        (string Worker, DateTimeOffset At)[] lost = [.. losses];
        int accepted = 0, changed = 0, unknown = 0, repeats = 0, explained = 0;
        List<double> latencies = [];
        List<string> unexplained = [];
        foreach ((string key, string hash, DateTimeOffset at) in ReadAccepted(acceptedFile))
        {
            accepted++;
            if (arrived.TryGetValue(key, out Arrivals? arrivals))
            {
                arrivals.IsAccepted = true;
                arrivals.IsChanged |= arrivals.Hash != hash;
                if (arrivals.FirstTaken is { } first)
                {
                    latencies.Add(Math.Max(0, (first.At - at).TotalMilliseconds));
                }
            }
        }

        foreach ((string key, Arrivals arrivals) in arrived)
        {
            unknown += arrivals.IsAccepted ? 0 : 1;
            changed += arrivals.IsChanged || !arrivals.IsSame ? 1 : 0;
            foreach ((Arrival first, Arrival second, bool isExplained) in FindRepeats(arrivals.All, disturbances, lost))
            {
                repeats++;
                if (isExplained)
                {
                    explained++;
                }
                else
                {
                    unexplained.Add($"{key}: {first}, then {second}");
                }
            }
        }

        latencies.Sort();
        return new Report
        {
            Accepted = accepted,
            Delivered = latencies.Count,
            Dead = dead,
            Repeats = repeats,
            RepeatsExplained = explained,
            Unexplained = unexplained,
            Changed = changed,
            Unknown = unknown,
            Streams = receiver.Streams,
            SequenceFaults = receiver.SequenceFaults,
            Disturbances = disturbances,
            LeaseLosses = lost.Length,
            PerSecond = latencies.Count / elapsed.TotalSeconds,
            P50 = At(latencies, 0.5),
            P99 = At(latencies, 0.99),
        };
    }

    public string ToJson() => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"accepted\":{Accepted},\"delivered\":{Delivered},\"dead\":{Dead},\"lost\":{Lost},\"repeats\":{Repeats},"
        + $"\"repeats_explained\":{RepeatsExplained},\"changed\":{Changed},\"unknown\":{Unknown},\"streams\":{Streams},"
        + $"\"sequence_faults\":{SequenceFaults},\"kills\":{Count(DisturbanceKind.Kill)},\"pauses\":{Count(DisturbanceKind.Pause)},"
        + $"\"terminations\":{Count(DisturbanceKind.Termination)},\"restarts\":{Count(DisturbanceKind.Restart)},"
        + $"\"lease_losses\":{LeaseLosses},\"deliveries_per_second\":{PerSecond:0},\"p50_ms\":{P50:0},\"p99_ms\":{P99:0}}}");

    public void Print(TextWriter output)
    {
        output.WriteLine(
            $"{Delivered:N0} of {Accepted:N0} accepted webhooks were delivered, {PerSecond:N0} a second; {Lost} lost, {Dead} dead "
            + "letters.");
        output.WriteLine(
            $"Workers: {Count(DisturbanceKind.Kill)} killed, {Count(DisturbanceKind.Pause)} paused past their lease, "
            + $"{Count(DisturbanceKind.Termination)} told to stop. The server was restarted {Count(DisturbanceKind.Restart)} times.");
        output.WriteLine($"{Repeats} webhooks arrived again with the same key, {RepeatsExplained} of them because of such an event.");
        output.WriteLine($"{Streams} streams of numbered webhooks, {SequenceFaults} numbers missing or used twice.");
        output.WriteLine($"From commit to arrival: median {P50:N0} ms, 99 of 100 within {P99:N0} ms.");
        output.WriteLine(IsSound ? "Nothing was lost, changed, or sent without a commit." : "THE RUN IS NOT SOUND.");
    }

    /// <summary>Writes the events and the repeats that none of them explains, so that the cause can be found.</summary>
    public void PrintUnexplained(TextWriter output)
    {
        const int Most = 20;
        foreach (string line in Disturbances.Select(static one => one.ToString()).Concat(Unexplained.Take(Most)))
        {
            output.WriteLine(line);
        }
    }

    private static IEnumerable<(string Key, string Hash, DateTimeOffset At)> ReadAccepted(string path)
    {
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            yield return (json.RootElement.GetProperty("key").GetString()!, json.RootElement.GetProperty("sha256").GetString()!,
                json.RootElement.GetProperty("at").GetDateTimeOffset());
        }
    }

    /// <summary>
    /// Finds the requests of a webhook after one that was answered 2xx, each with the one before it. If that one was refused, the reason
    /// to make it is also the reason to make the next.
    /// </summary>
    private static IEnumerable<(Arrival First, Arrival Second, bool IsExplained)> FindRepeats(
        Arrival[] all, IReadOnlyList<Disturbance> disturbances, (string Worker, DateTimeOffset At)[] losses)
    {
        bool isTaken = false, isExplained = false;
        for (int i = 1; i < all.Length; i++)
        {
            isTaken |= all[i - 1].IsTaken;
            if (isTaken)
            {
                isExplained = all[i - 1].IsTaken ? IsExplained(all[i - 1], all[i], disturbances, losses) : isExplained;
                yield return (all[i - 1], all[i], isExplained);
            }
        }
    }

    /// <summary>
    /// Returns whether the process that made the first request could not commit its result, or did not get an answer in time. A process
    /// that was paused may also send the second one when it runs again, because that attempt had begun.
    /// </summary>
    private static bool IsExplained(
        Arrival first, Arrival second, IReadOnlyList<Disturbance> disturbances, (string Worker, DateTimeOffset At)[] losses) =>
        first.IsLate
        || disturbances.Any(one => one.ExplainsRepeats && second.At >= one.Start
            && (one.Worker is null || one.Worker == first.Worker ? IsNear(first, one.Start, one.End)
                : one.Worker == second.Worker && IsNear(second, one.Start, one.End)))
        || losses.Any(loss => (loss.Worker == first.Worker && IsNear(first, loss.At, loss.At))
            || (loss.Worker == second.Worker && IsNear(second, loss.At, loss.At)));

    private static bool IsNear(Arrival arrival, DateTimeOffset start, DateTimeOffset end) =>
        arrival.At >= start - Unsettled && arrival.At <= end + Unsettled;

    private int Count(DisturbanceKind kind) => Disturbances.Count(one => one.Kind == kind);

    private static double At(List<double> sorted, double share) => sorted.Count == 0 ? 0 : sorted[(int)((sorted.Count - 1) * share)];
}
