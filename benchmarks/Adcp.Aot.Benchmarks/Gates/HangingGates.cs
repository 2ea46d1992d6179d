using System.Diagnostics;
using Adcp.Aot.Benchmarks.Http;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// 100 endpoints on loopback, five of which never answer, beside the 95 alone. 64 callers go through all of them in
/// turns, so that each has the same share of deliveries; they wait for those to the 95 and not for those to the five.
/// </summary>
/// <remarks>
/// A round begins with a delivery of every caller to each of five endpoints that hang, new ones in each round: 320
/// attempts, which end at their time limit and open the circuits. Candidates take turns in slices of some milliseconds;
/// only when those attempts begin and end does the one with the five run alone, so that it bears their whole cost.
/// </remarks>
internal static class HangingGates
{
    private const int Rounds = 1;
    private const int WarmRounds = 3;
    private const int Healthy = 95;
    private const int Hanging = 5;

    /// <summary>Slices that open the connections and are not measured.</summary>
    private const int Opening = 30;

    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(2);

    /// <summary>The time that the hung attempts take to end, and more.</summary>
    private static readonly TimeSpan Ending = TimeSpan.FromMilliseconds(200);

    /// <summary>Of each candidate, in a round.</summary>
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(22);

    internal static IEnumerable<Gate> Run() => RunAsync().GetAwaiter().GetResult();

    private static async Task<Gate[]> RunAsync()
    {
        using ReceiverProcess receiver = new();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");

        // A hung attempt ends in exceptions, and their code must have run many hundred times before it is as fast as it gets.
        await MeasureAsync(key, receiver, WarmRounds, AttemptTimeout / 4, Time / 30);
        (Figures beside, Figures alone) = await MeasureAsync(key, receiver, Rounds, AttemptTimeout, Time);
        return
        [
            new(
                "100 endpoints, 5 hanging: healthy deliveries a second / the 95 alone", "/s", beside.PerSecond, alone.PerSecond,
                beside.PerSecond / alone.PerSecond, AtLeast: true, 0.97),
            new("100 endpoints, 5 hanging: p99 of the healthy / of the 95 alone", "ms", beside.P99, alone.P99, beside.P99 / alone.P99,
                AtLeast: false, 1.2),
        ];
    }

    private static async Task<(Figures Beside, Figures Alone)> MeasureAsync(
        SigningKey key, ReceiverProcess receiver, int rounds, TimeSpan timeout, TimeSpan time)
    {
        await using Candidate beside = new(key, receiver.Http1, timeout, hanging: Hanging * rounds);
        await using Candidate alone = new(key, receiver.Http1, timeout, hanging: 0);
        for (int i = -Opening; i < 0; i++)
        {
            await Load.InTurnsAsync(beside.Load, alone.Load, i);
        }

        beside.Forget();
        alone.Forget();
        int slices = 0;
        for (int round = 0; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            beside.BeginHanging(Healthy + (Hanging * round));
            await beside.Load.MeasureAsync(keep: true);
            while (Stopwatch.GetElapsedTime(start) < timeout - (Ending / 4))
            {
                await Load.InTurnsAsync(beside.Load, alone.Load, slices++);
            }

            while (Stopwatch.GetElapsedTime(start) < timeout + Ending)
            {
                await beside.Load.MeasureAsync(keep: true);
            }

            while (beside.Load.Time < (round + 1) * time)
            {
                await Load.InTurnsAsync(beside.Load, alone.Load, slices++);
            }
        }

        if (beside.Answered)
        {
            throw new InvalidOperationException("A hanging endpoint answered.");
        }

        return (beside.Figures, alone.Figures);
    }

    private readonly record struct Figures(double PerSecond, double P99);

    /// <summary>The callers over a supervisor of their own.</summary>
    private sealed class Candidate : IAsyncDisposable
    {
        private readonly AdcpClient _client;
        private readonly List<double> _milliseconds = new(500_000);
        private int _firstHanging;
        private int _toBegin;
        private volatile bool _answered;

        internal Candidate(SigningKey key, string address, TimeSpan timeout, int hanging)
        {
            string[] urls =
            [
                .. Enumerable.Range(0, Healthy).Select(i => $"{address}/adcp/webhooks/buyer_{i}"),
                .. Enumerable.Range(0, hanging).Select(i => $"{address}/hang/buyer_{i}"),
            ];
            _client = new AdcpClient(key, urls, http2: false, timeout);
            Load = new Load(Healthy + Hanging, SendAsync);
        }

        internal Load Load { get; }

        internal Figures Figures => new(_milliseconds.Count / Load.Time.TotalSeconds, Measurement.Quantile(_milliseconds, 0.99));

        internal bool Answered => _answered;

        /// <summary>From the next slice on; see the type.</summary>
        internal void BeginHanging(int firstHanging)
        {
            _firstHanging = firstHanging;
            Volatile.Write(ref _toBegin, Load.Callers);
        }

        /// <summary>Drops all figures measured up to now.</summary>
        internal void Forget() => _milliseconds.Clear();

        public ValueTask DisposeAsync() => _client.DisposeAsync();

        private async Task SendAsync(int endpoint)
        {
            if (Volatile.Read(ref _toBegin) > 0 && Interlocked.Decrement(ref _toBegin) >= 0)
            {
                for (int i = 0; i < Hanging; i++)
                {
                    _ = HangAsync(_firstHanging + i);
                }
            }

            if (endpoint < Healthy)
            {
                long began = Stopwatch.GetTimestamp();
                await _client.RequireAsync(endpoint);
                double milliseconds = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                lock (_milliseconds)
                {
                    _milliseconds.Add(milliseconds);
                }
            }
            else if (_firstHanging > 0)
            {
                _ = HangAsync(_firstHanging + endpoint - Healthy);
            }
        }

        private async Task HangAsync(int endpoint) => _answered |= (await _client.SendAsync(endpoint)).IsDelivered;
    }
}
