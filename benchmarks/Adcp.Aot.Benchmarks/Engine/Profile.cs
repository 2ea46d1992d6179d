using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Http;
using Adcp.Aot.Json;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>
/// Takes the production path apart: each part on its own, then whole deliveries through a sender that waits, with and
/// without them. Figures are the best tenth of many short slices.
/// </summary>
internal static class Profile
{
    private const int Slices = 2_000;
    private const int Operations = 2_000;

    internal static Command Create()
    {
        Command command = new("profile", "Where the nanoseconds of the happy path go.");
        command.SetAction(_ => RunAsync());
        return command;
    }

    private static async Task RunAsync()
    {
        AdcpSide adcp = new();
        AdcpSide quiet = new(recorded: false);
        TimeProvider time = TimeProvider.System;
        InFlightCount inFlight = new();
        Limits limits = new();
        SequenceStream stream = new SequenceAllocator().GetStream("stream");
        Endpoint endpoint = adcp.Supervisor.Endpoints.Get("handle", tenant: null);
        WallClock wall = new(time);
        MonotonicClock clock = new(time);
        DeliveryLog log = new(new NoOpSink(), SinkMode.Buffered, 8192, TimeSpan.FromSeconds(5), time, NullLogger.Instance);
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
        await using AdcpClient client = new(key, ["http://127.0.0.1:1/"], http2: false);
        long sink = 0;
        (string Name, Action<int> Loop)[] parts =
        [
            ("clock read, exact", Each(() => sink += clock.Exact())),
            ("clock read, coarse", Each(() => sink += clock.Coarse())),
            ("in-flight count, in and out", Each(() => { inFlight.Begin(ThreadStripe.Index); inFlight.End(ThreadStripe.Index); })),
            ("both concurrency limits, in and out", Each(limits.Pass)),
            ("sequence number", Each(() => sink += stream.Next())),
            ("breaker permit and report",
                Each(() => sink += endpoint.Circuit.TryAcquireClosed(out _) && endpoint.Circuit.IsHealthy ? 1 : 0)),
            ("UTC of a timestamp", Each(() => sink += wall.At(sink & 1).Ticks)),
            ("audit record through the queue", Each(() => Record(log, adcp.Webhook))),
            ("result of 1 KiB, checked", Each(() => sink += JsonBodyCheck.Check(Webhooks.Result) is null ? 1 : 0)),
            ("result of 1 KiB, read by the platform's reader", Each(() => sink += Read(Webhooks.Result))),
            ("webhook of 1 KiB, prepared", Each(() => sink += client.Prepare().Body.Length)),
            ("webhook of 1 KiB, written by hand", Each(() => sink += HandWrittenClient.Body("whk_" + Guid.NewGuid().ToString("N")).Length)),
            ("sender alone, in one pooled async method", adcp.OneLayer),
            ("whole, token", quiet.DeliverUnnumbered),
            ("whole, number", quiet.DeliverWithoutToken),
            ("whole, token and number", quiet.Deliver),
            ("whole, token and record", adcp.DeliverUnnumbered),
            ("whole, record and number", adcp.DeliverWithoutToken),
            ("whole, token, record and number", adcp.Deliver),
            ("whole, refused and recorded", Each(() => sink += adcp.Reject() ? 1 : 0)),
            ("whole, refused, no record", Each(() => sink += quiet.Reject() ? 1 : 0)),
        ];
        List<double>[] nanoseconds = [.. parts.Select(static _ => new List<double>(Slices))];
        for (int slice = -200; slice < Slices; slice++)
        {
            for (int part = 0; part < parts.Length; part++)
            {
                double taken = Measurement.Of(parts[part].Loop, Operations).Nanoseconds;
                if (slice >= 0)
                {
                    nanoseconds[part].Add(taken);
                }
            }
        }

        for (int part = 0; part < parts.Length; part++)
        {
            double best = Measurement.Quantile(nanoseconds[part], 0.1);
            double median = Measurement.Median(nanoseconds[part]);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{parts[part].Name,-48} {best,8:0.0} ns  (median {median:0.0})"));
        }

        await log.DisposeAsync();
        await adcp.DisposeAsync();
        await quiet.DisposeAsync();
    }

    private static Action<int> Each(Action operation) => times =>
    {
        for (int i = 0; i < times; i++)
        {
            operation();
        }
    };

    private static int Read(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        int tokens = 0;
        while (reader.Read())
        {
            tokens++;
        }

        return tokens;
    }

    private static void Record(DeliveryLog log, PreparedWebhook webhook)
    {
        if (log.Claim(ThreadStripe.Index) is { } claimed)
        {
            claimed.Entry.Webhook = webhook;
            claimed.Entry.AttemptNumber = 1;
            log.Publish(claimed);
        }
    }

    private sealed class Limits
    {
        private ConcurrencyGate _one;
        private ConcurrencyGate _all;

        internal void Pass()
        {
            _one.TryEnter(64);
            _all.TryEnter(8192);
            _all.Leave(8192);
            _one.Leave(64);
        }
    }
}
