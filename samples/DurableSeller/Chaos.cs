using System.Globalization;

namespace DurableSeller;

/// <summary>
/// Disturbs the workers while webhooks wait: some receivers do not answer, the producers may commit the next part of their orders, and the
/// event happens when a worker has requests under way.
/// </summary>
internal sealed class Chaos(Settings settings, Crew crew, Producers producers, Receiver receiver, int seed)
{
    /// <summary>
    /// The most receivers that do not answer during an event: at most half of those that the next part goes to. The others answer, so that
    /// results are committed at the same time.
    /// </summary>
    private const int SilentOrigins = 4;

    /// <summary>
    /// An event waits until at most so many webhooks of the parts before have not arrived, so that the events of a long run are spread
    /// over it.
    /// </summary>
    private const int MaxBacklog = 20_000;

    /// <summary>The time that a worker is paused. Longer than its lease of 5 s.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(7);

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    private readonly List<Disturbance> _disturbances = [];
#pragma warning disable CA5394 // A seeded run is repeatable; no secret is drawn.
    private readonly Random _random = new(seed);

    public IReadOnlyList<Disturbance> Disturbances => _disturbances;

    /// <summary>Gets the thing that the run waits for.</summary>
    public string Phase { get; private set; } = "the start";

    /// <summary>Returns the number of events. Two of each cycle are kills.</summary>
    public static int EventsOf(int cycles, bool restarts) => cycles * (restarts ? 5 : 4);

    /// <summary>
    /// Returns the least number of deliveries: each producer commits an order before each event, so that a worker is busy, and one after
    /// the last event.
    /// </summary>
    public static long LeastDeliveries(long events, int producers) => (events + 1) * producers;

    /// <summary>Performs all events in turn, each kind in each cycle.</summary>
    /// <exception cref="RunFault">A worker ended by itself, a command failed, or a file cannot be written.</exception>
    public async Task RunAsync(int cycles, string? restartCommand, CancellationToken cancellationToken)
    {
        List<DisturbanceKind> plan = [];
        for (int i = 0; i < cycles; i++)
        {
            DisturbanceKind[] cycle = [.. Enum.GetValues<DisturbanceKind>().Append(DisturbanceKind.Kill)
                .Where(kind => kind != DisturbanceKind.Restart || restartCommand is not null)];
            _random.Shuffle(cycle);
            plan.AddRange(cycle);
        }

        for (int i = 0; i < plan.Count; i++)
        {
            Phase = string.Create(CultureInfo.InvariantCulture, $"event {i + 1} of {plan.Count}, {plan[i]}");
            await UntilArrivedAsync((long)settings.Deliveries * i / (plan.Count + 1) - MaxBacklog, cancellationToken);
            string[] origins = producers.OriginsOf(i + 1, plan.Count + 1);
            _random.Shuffle(origins);
            using Hold hold = receiver.Hold(origins.Take(Math.Clamp(origins.Length / 2, 1, SilentOrigins)));
            await producers.AllowAsync(i + 1, plan.Count + 1);
            ChildProcess victim = await BusyWorkerAsync(hold, cancellationToken);
            await DisturbAsync(plan[i], victim, hold, restartCommand, cancellationToken);
            Disturbance done = _disturbances[^1];
            await Console.Error.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{Phase}: {done.Worker ?? "all workers"}, {done.UnderWay} requests under way, "
                + $"took {(done.End - done.Start).TotalSeconds:0.0} s"));
        }

        Phase = "the end of the producers";
    }

    private async Task UntilArrivedAsync(long webhooks, CancellationToken cancellationToken)
    {
        while (receiver.Arrived.Count < webhooks)
        {
            crew.Check();
            receiver.Check();
            await Task.Delay(Step * 10, cancellationToken);
        }
    }

    /// <summary>
    /// Returns a worker that has requests under way. One is enough: after a kill, webhooks that waited are on trial, of which an endpoint
    /// has few, and the circuits of receivers that do not answer open.
    /// </summary>
    private async Task<ChildProcess> BusyWorkerAsync(Hold hold, CancellationToken cancellationToken)
    {
        while (true)
        {
            crew.Check();
            receiver.Check();
            ChildProcess[] busy = [.. crew.Workers.Where(worker => hold.Of(worker.Name) > 0)];
            if (busy.Length > 0)
            {
                // A worker that ran again after a pause may cancel its attempts in this time.
                ChildProcess victim = busy[_random.Next(busy.Length)];
                await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(150)), cancellationToken);
                if (hold.Of(victim.Name) > 0)
                {
                    return victim;
                }
            }

            await Task.Delay(Step, cancellationToken);
        }
    }

    private async Task DisturbAsync(
        DisturbanceKind kind, ChildProcess victim, Hold hold, string? restartCommand, CancellationToken cancellationToken)
    {
        int underWay = hold.Of(victim.Name);
        DateTimeOffset start = TimeProvider.System.GetUtcNow();
        bool explains = true;
        switch (kind)
        {
            case DisturbanceKind.Kill:
                await victim.KillAsync(cancellationToken);
                await crew.ReplaceAsync(victim);
                break;
            case DisturbanceKind.Pause:
                // Its requests are answered when it runs again, and its lanes have another owner by then.
                await victim.SignalAsync("STOP", cancellationToken);
                await Task.Delay(Pause, cancellationToken);
                await victim.SignalAsync("CONT", cancellationToken);
                break;
            case DisturbanceKind.Termination:
                await victim.SignalAsync("TERM", cancellationToken);
                hold.Dispose();
                await victim.ExitAsync(cancellationToken);
                explains = EndedEarly(victim);
                await crew.ReplaceAsync(victim);
                break;
            default:
                await Shell.RunAsync(restartCommand!, cancellationToken);
                break;
        }

        DateTimeOffset end = TimeProvider.System.GetUtcNow();
        _disturbances.Add(new Disturbance(kind, kind == DisturbanceKind.Restart ? null : victim.Name, underWay, start, end)
        {
            ExplainsRepeats = explains,
        });
    }
#pragma warning restore CA5394

    /// <summary>A worker that could not finish its attempts in time says so by its exit code.</summary>
    private static bool EndedEarly(ChildProcess victim) => victim.ExitCode switch
    {
        0 => false,
        Worker.MayRepeat => true,
        _ => throw new RunFault($"Worker {victim.Name} ended with exit code {victim.ExitCode} when it was told to stop."),
    };
}
