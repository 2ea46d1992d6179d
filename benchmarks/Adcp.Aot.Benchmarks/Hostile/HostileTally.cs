using System.Collections.Concurrent;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>Counts deliveries by kind of endpoint and by the way they ended. Safe for concurrent use.</summary>
internal sealed class HostileTally
{
    private const int MaxExamples = 20;

    private readonly Dictionary<string, long[]> _byKind =
        HostileKinds.All.ToDictionary(static kind => kind.Name, static _ => new long[Enum.GetValues<DeliveryStatus>().Length]);

    private readonly ConcurrentQueue<string> _examples = new();
    private long _started;
    private long _ended;
    private long _attempts;
    private long _threw;
    private long _unobserved;
    private long _unhealthy;
    private int _examplesTaken;

    internal long Started => Volatile.Read(ref _started);

    internal long Ended => Volatile.Read(ref _ended);

    /// <summary>Attempts that outcomes say were made.</summary>
    internal long Attempts => Volatile.Read(ref _attempts);

    /// <summary>Deliveries that ended in an exception to their caller.</summary>
    internal long Threw => Volatile.Read(ref _threw);

    /// <summary>Exceptions of tasks that were never awaited.</summary>
    internal long Unobserved => Volatile.Read(ref _unobserved);

    /// <summary>Deliveries to healthy endpoints that failed.</summary>
    internal long FailedAtHealthy => Volatile.Read(ref _unhealthy);

    /// <summary>The first exceptions and failures at healthy endpoints, in words.</summary>
    internal IReadOnlyCollection<string> Examples => _examples;

    internal void Start() => Interlocked.Increment(ref _started);

    internal void End(HostileKind kind, in DeliveryOutcome outcome)
    {
        Interlocked.Increment(ref _ended);
        Interlocked.Add(ref _attempts, outcome.Attempts);
        Interlocked.Increment(ref _byKind[kind.Name][(int)outcome.Status]);
        if (kind.IsHealthy
            && outcome.Status is not (DeliveryStatus.Delivered or DeliveryStatus.Cancelled or DeliveryStatus.DeadlineExceeded))
        {
            Interlocked.Increment(ref _unhealthy);
            AddExample($"{kind.Name}: {outcome}, {outcome.LastResult?.Error} {outcome.LastResult?.ErrorDetail}");
        }
    }

    internal void Throw(HostileKind kind, Exception fault)
    {
        Interlocked.Increment(ref _ended);
        Interlocked.Increment(ref _threw);
        AddExample($"{kind.Name} threw: {fault}");
    }

    internal void Unobserve(Exception fault)
    {
        Interlocked.Increment(ref _unobserved);
        AddExample($"unobserved: {fault}");
    }

    internal long Of(HostileKind kind, DeliveryStatus status) => Volatile.Read(ref _byKind[kind.Name][(int)status]);

    internal long Of(DeliveryStatus status) => HostileKinds.All.Sum(kind => Of(kind, status));

    private void AddExample(string text)
    {
        if (Interlocked.Increment(ref _examplesTaken) <= MaxExamples)
        {
            _examples.Enqueue(text.Length > 400 ? text[..400] : text);
        }
    }
}
