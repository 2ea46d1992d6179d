using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Signing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Benchmarks;

/// <summary>Where the nanoseconds of the happy path go: each part on its own, then the whole with and without them. The best tenth of many short slices.</summary>
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
        Ours ours = new();
        Ours quiet = new(recorded: false);
        TimeProvider time = TimeProvider.System;
        InFlightCount inFlight = new();
        Gates gates = new();
        SequenceStream stream = new SequenceAllocator().GetStream("stream");
        Endpoint endpoint = ours.Supervisor.Endpoints.Get("handle");
        WallClock wall = new(time);
        MonotonicClock clock = new(time);
        DeliveryLog log = new(new NoOpSink(), SinkMode.Buffered, 8192, TimeSpan.FromSeconds(5), time, NullLogger.Instance);
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
        await using Loopback.Engine loopback = new(key, ["http://127.0.0.1:1/"], http2: false);
        long sink = 0;
        (string Name, Action Body)[] parts =
        [
            ("clock read, exact", () => sink += clock.Exact()),
            ("clock read, coarse", () => sink += clock.Coarse()),
            ("in-flight count, in and out", () => { inFlight.Begin(ThreadStripe.Index); inFlight.End(ThreadStripe.Index); }),
            ("both gates, in and out", () => gates.Pass()),
            ("sequence number", () => sink += stream.Next()),
            ("breaker permit and report", () => sink += endpoint.Circuit.TryAcquireClosed(out _) && endpoint.Circuit.IsHealthy ? 1 : 0),
            ("UTC of a timestamp", () => sink += wall.At(sink & 1).Ticks),
            ("audit record through the queue", () => Record(log, ours.Webhook)),
            ("result of 1 KiB, checked", () => sink += JsonBodyCheck.Check(Loopback.Webhooks.Result) is null ? 1 : 0),
            ("result of 1 KiB, read by the platform's reader", () => sink += Read(Loopback.Webhooks.Result)),
            ("webhook of 1 KiB, prepared", () => sink += loopback.Prepare().Body.Length),
            ("webhook of 1 KiB, written by hand", () => sink += Loopback.ByHand.Body("whk_" + Guid.NewGuid().ToString("N")).Length),
            ("whole, neither record nor number", () => sink += quiet.Unnumbered() ? 1 : 0),
            ("whole, number", () => sink += quiet.ByHandle() ? 1 : 0),
            ("whole, record", () => sink += ours.Unnumbered() ? 1 : 0),
            ("whole, record and number", () => sink += ours.ByHandle() ? 1 : 0),
            ("whole, refused and recorded", () => sink += ours.Reject() ? 1 : 0),
            ("whole, refused, no record", () => sink += quiet.Reject() ? 1 : 0),
        ];
        List<double>[] nanoseconds = [.. parts.Select(static _ => new List<double>(Slices))];
        for (int slice = -200; slice < Slices; slice++)
        {
            for (int part = 0; part < parts.Length; part++)
            {
                Action body = parts[part].Body;
                double taken = Measurement.Of(
                    times =>
                    {
                        for (int i = 0; i < times; i++)
                        {
                            body();
                        }
                    },
                    Operations).Nanoseconds;
                if (slice >= 0)
                {
                    nanoseconds[part].Add(taken);
                }
            }
        }

        for (int part = 0; part < parts.Length; part++)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{parts[part].Name,-48} {Measurement.Quantile(nanoseconds[part], 0.1),8:0.0} ns  (median {Measurement.Median(nanoseconds[part]):0.0})"));
        }

        await log.DisposeAsync();
        await ours.DisposeAsync();
        await quiet.DisposeAsync();
    }

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

    private sealed class Gates
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
