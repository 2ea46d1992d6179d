using System.Diagnostics;
using Adcp.Aot.Benchmarks.Loopback;
using Adcp.Aot.Delivery;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// 100 endpoints on loopback, five of which never answer, beside the 95 alone. 64 callers go through all of them in turns, so that each has the same share of deliveries; they wait for
/// those to the 95 and not for those to the five. They never stop, over one supervisor and its open connections; five endpoints that hang, new ones each time, come and go, and the periods
/// in which they are there are compared with those before and after. In each the first attempts hang until their time limit while those behind them wait for places, then the circuits open.
/// </summary>
internal static class HangingGates
{
    private const int Rounds = 3;
    private const int WarmRounds = 6;
    private const int Healthy = 95;
    private const int Hanging = 5;

    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Alone = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Beside = TimeSpan.FromSeconds(7);

    /// <summary>Opens the connections to the 95, which is not measured.</summary>
    private static readonly TimeSpan Opening = TimeSpan.FromSeconds(1);

    internal static IEnumerable<Gate> Run() => RunAsync().GetAwaiter().GetResult();

    private static async Task<Gate[]> RunAsync()
    {
        using ReceiverProcess receiver = new();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");

        // A hung attempt ends in exceptions, and its code must have run some thousand times before it is as fast as it gets.
        await MeasureAsync(key, receiver, WarmRounds, AttemptTimeout / 4, Alone / 8, Beside / 8);
        Round[] rounds = await MeasureAsync(key, receiver, Rounds, AttemptTimeout, Alone, Beside);
        return
        [
            Compared("healthy deliveries a second / the 95 alone", "/s", rounds, static figures => figures.PerSecond, atLeast: true, 0.97),
            Compared("p99 of the healthy / of the 95 alone", "ms", rounds, static figures => figures.P99, atLeast: false, 1.2),
        ];
    }

    private static Gate Compared(string what, string unit, Round[] rounds, Func<Figures, double> figure, bool atLeast, double bound) => new(
        "100 endpoints, 5 hanging: " + what, unit, Measurement.Median(rounds.Select(round => figure(round.Beside))), Measurement.Median(rounds.Select(round => figure(round.Alone))),
        Measurement.Median(rounds.Select(round => figure(round.Beside) / figure(round.Alone))), atLeast, bound);

    private static async Task<Round[]> MeasureAsync(SigningKey key, ReceiverProcess receiver, int rounds, TimeSpan timeout, TimeSpan aloneTime, TimeSpan besideTime)
    {
        string[] urls =
        [
            .. Enumerable.Range(0, Healthy).Select(i => $"{receiver.Http1}/adcp/webhooks/buyer_{i}"),
            .. Enumerable.Range(0, Hanging * rounds).Select(i => $"{receiver.Http1}/hang/buyer_{i}"),
        ];
        await using Engine engine = new(key, urls, http2: false, timeout);
        Traffic traffic = new(engine);
        await Task.Delay(Opening);
        List<Period> alone = [await Period.OfAsync(aloneTime)];
        List<Period> beside = [];
        for (int i = 0; i < rounds; i++)
        {
            traffic.FirstHanging = Healthy + (Hanging * i);
            beside.Add(await Period.OfAsync(besideTime));
            traffic.FirstHanging = 0;
            alone.Add(await Period.OfAsync(aloneTime));
        }

        Call[] calls = await traffic.EndAsync();
        return [.. beside.Select((period, i) => new Round(Figures.Of(calls, period), Figures.Of(calls, alone[i], alone[i + 1])))];
    }

    /// <summary>The callers, from the first call to the last.</summary>
    private sealed class Traffic
    {
        /// <summary>The first of the five endpoints that hang now; 0, which is a healthy one, where none is called.</summary>
        internal volatile int FirstHanging;

        private readonly Engine _engine;
        private readonly Task<List<Call>>[] _callers;
        private volatile bool _ends;

        internal Traffic(Engine engine)
        {
            _engine = engine;
            _callers = [.. Enumerable.Range(0, Load.Callers).Select(caller => Task.Run(() => CallAsync(caller)))];
        }

        internal async Task<Call[]> EndAsync()
        {
            _ends = true;
            return [.. (await Task.WhenAll(_callers)).SelectMany(static calls => calls)];
        }

        private async Task<List<Call>> CallAsync(int caller)
        {
            List<Call> calls = new(32_768);
            List<Task<DeliveryOutcome>> hanging = [];
            for (int i = caller; !_ends; i++)
            {
                int endpoint = i % (Healthy + Hanging);
                if (endpoint < Healthy)
                {
                    long began = Stopwatch.GetTimestamp();
                    await _engine.RequireAsync(endpoint);
                    calls.Add(new Call(began, Stopwatch.GetTimestamp()));
                }
                else if (FirstHanging is > 0 and int first)
                {
                    hanging.Add(_engine.SendAsync(first + endpoint - Healthy).AsTask());
                }
            }

            return (await Task.WhenAll(hanging)).Any(static outcome => outcome.IsDelivered) ? throw new InvalidOperationException("A hanging endpoint answered.") : calls;
        }
    }

    /// <summary>A delivery to one of the 95, in timestamps.</summary>
    private readonly record struct Call(long Began, long Ended);

    private readonly record struct Period(long Began, long Ended)
    {
        internal double Seconds => Stopwatch.GetElapsedTime(Began, Ended).TotalSeconds;

        internal static async Task<Period> OfAsync(TimeSpan time)
        {
            long began = Stopwatch.GetTimestamp();
            await Task.Delay(time);
            return new Period(began, Stopwatch.GetTimestamp());
        }

        internal bool Holds(Call call) => Began <= call.Ended && call.Ended < Ended;
    }

    private readonly record struct Round(Figures Beside, Figures Alone);

    private readonly record struct Figures(double PerSecond, double P99)
    {
        internal static Figures Of(Call[] calls, params Period[] periods)
        {
            double[] milliseconds =
            [
                .. calls.Where(call => Array.Exists(periods, period => period.Holds(call))).Select(static call => Stopwatch.GetElapsedTime(call.Began, call.Ended).TotalMilliseconds),
            ];
            return new Figures(milliseconds.Length / periods.Sum(static period => period.Seconds), Measurement.Quantile(milliseconds, 0.99));
        }
    }
}
