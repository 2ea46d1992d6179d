using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>
/// Measures a thousand to a million endpoints and as many sequence streams in one process: the memory of each, the time
/// to find one, and how long a full collection stops the process while all are alive. The floor is a bare
/// <see cref="ConcurrentDictionary{TKey,TValue}"/> of as many and as large values.
/// </summary>
internal static class Scale
{
    private static readonly int[] Decades = [1_000, 10_000, 100_000, 1_000_000];

    private const int Rounds = 12;
    private const int WarmRounds = 6;
    private const int LookUps = 100_000;

    /// <summary>Makes the bare dictionary's values as large as an endpoint, so that it spreads over as much memory.</summary>
    private const int ValueBytes = 48;

    internal static Command Create()
    {
        Argument<string?> svg = new("svg") { Description = "A file to draw the chart in.", Arity = ArgumentArity.ZeroOrOne };
        Command command = new("scale", "A thousand to a million endpoints and streams: memory, look-ups, collections.") { svg };
        command.SetAction(arguments => Run(arguments.GetValue(svg)));
        return command;
    }

    private static void Run(string? svg)
    {
        Row[] rows = [.. Decades.Select(Measure)];
        Console.WriteLine(
            "| endpoints and streams | B an endpoint | B a stream "
            + "| find an endpoint | find a stream | bare dictionary | full collection |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (Row row in rows)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {row.Count:N0} | {row.EndpointBytes:0} | {row.StreamBytes:0} "
                + $"| {row.Endpoint:0} ns | {row.Stream:0} ns | {row.Bare:0} ns | {row.Pause:0.0} ms |"));
        }

        if (svg is not null)
        {
            File.WriteAllText(svg, ScaleChart.Draw(rows));
        }
    }

    internal static Row Measure(int count)
    {
        string[] urls = [.. Enumerable.Range(0, count).Select(AdcpSide.Url)];

        // Looked up by other strings than those that are kept, as a registration that comes from a database is.
        string[] asked = [.. urls.Select(static url => new string(url))];
        using Grown<ConcurrentDictionary<string, object>> bare = new(() =>
        {
            ConcurrentDictionary<string, object> dictionary = new(StringComparer.Ordinal);
            Array.ForEach(urls, url => dictionary[url] = new byte[ValueBytes]);
            return dictionary;
        });
        using Grown<InMemoryWebhookDeliverySupervisor> supervisor = new(() =>
        {
            InMemoryWebhookDeliverySupervisor made = new(new NoSender());
            Array.ForEach(urls, url => made.Endpoints.Get(url, tenant: null));
            return made;
        });
        using Grown<SequenceAllocator> streams = new(() =>
        {
            SequenceAllocator made = new();
            Array.ForEach(urls, url => made.GetStream(url));
            return made;
        });
        Func<string, object>[] find =
            [url => supervisor.It.Endpoints.Get(url, tenant: null), url => streams.It.GetStream(url), url => bare.It[url]];
        List<double>[] times = [[], [], []];
        int next = 0;
        for (int round = -WarmRounds; round < Rounds; round++)
        {
            // Each goes on where the last one ended and in another order each time: none finds the strings in the cache
            // that another has just asked for.
            for (int i = 0; i < find.Length; i++)
            {
                int which = (i + round + WarmRounds) % find.Length;
                double taken = PerLookUp(asked, find[which], ref next);
                if (round >= 0)
                {
                    times[which].Add(taken);
                }
            }
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        double pause = GC.GetGCMemoryInfo(GCKind.FullBlocking).PauseDurations[0].TotalMilliseconds;
        Row row = new(
            count, supervisor.Bytes / count, streams.Bytes / count, Measurement.Median(times[0]), Measurement.Median(times[1]),
            Measurement.Median(times[2]), pause);
        GC.KeepAlive(urls);
        return row;
    }

    /// <summary>Visits all in a stride that never meets two neighbours, so that a look-up meets a cold line as in production.</summary>
    private static double PerLookUp(string[] asked, Func<string, object> find, ref int next)
    {
        int at = next;
        double nanoseconds = Measurement.Of(
            times =>
            {
                for (int i = 0; i < times; i++)
                {
                    at = (int)((at + 490_909L) % asked.Length);
                    find(asked[at]);
                }
            },
            LookUps).Nanoseconds;
        next = at;
        return nanoseconds;
    }

    /// <summary>The figures at one size.</summary>
    internal sealed record Row(
        int Count, double EndpointBytes, double StreamBytes, double Endpoint, double Stream, double Bare, double Pause);

    /// <summary>Something large, and the bytes by which the heap grew when it was made.</summary>
    private sealed class Grown<T> : IDisposable
        where T : class
    {
        internal Grown(Func<T> make)
        {
            long before = GC.GetTotalMemory(forceFullCollection: true);
            It = make();
            Bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        }

        internal T It { get; }

        internal double Bytes { get; }

        public void Dispose()
        {
            (It as IAsyncDisposable)?.DisposeAsync().AsTask().Wait();
            GC.KeepAlive(It);
        }
    }

    /// <summary>Endpoints are looked up here and nothing is sent.</summary>
    private sealed class NoSender : IWebhookSender
    {
        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
            throw new NotSupportedException();

        public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();
    }
}
