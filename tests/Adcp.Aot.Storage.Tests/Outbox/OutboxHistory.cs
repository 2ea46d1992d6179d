namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The attempts and faults of several processes that share an outbox, and the check of its promises. Thread-safe.</summary>
internal sealed class OutboxHistory
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, string?> _accepted = [];
    private readonly List<Attempt> _attempts = [];
    private readonly List<Fault> _faults = [];
    private int _events;

    /// <summary>Notes that a webhook was committed, after all earlier ones of the stream whose order it keeps, if it has one.</summary>
    public void Accept(string key, string? stream = null)
    {
        lock (_lock)
        {
            _accepted.Add(key, stream);
        }
    }

    /// <summary>Notes that a process begins an attempt.</summary>
    public Attempt Begin(string process, string key, string body, DateTimeOffset at)
    {
        lock (_lock)
        {
            Attempt attempt = new(process, key, body, at, ++_events);
            _attempts.Add(attempt);
            return attempt;
        }
    }

    /// <summary>Notes that an attempt arrived at the receiver, and its answer.</summary>
    public void Arrive(Attempt attempt, DateTimeOffset at, int status)
    {
        lock (_lock)
        {
            (attempt.ArrivedAt, attempt.Status, attempt.ArrivedEvent) = (at, status, ++_events);
        }
    }

    /// <summary>Notes a fault of a process.</summary>
    /// <param name="process">The process.</param>
    /// <param name="kind">What failed.</param>
    /// <param name="from">When it began.</param>
    /// <param name="until">When it ended; <see langword="null"/> if it has no duration.</param>
    public void Fail(string process, string kind, DateTimeOffset from, DateTimeOffset? until = null)
    {
        lock (_lock)
        {
            _faults.Add(new Fault(process, kind, from, until ?? from));
        }
    }

    /// <summary>Checks the promises of the outbox.</summary>
    public Verdict Check()
    {
        lock (_lock)
        {
            ILookup<string, Attempt> arrived = _attempts.Where(static attempt => attempt.Status != 0)
                .ToLookup(static attempt => attempt.Key);
            return new Verdict(
                [.. _accepted.Keys.Where(key => arrived[key].All(static attempt => attempt.Status != 200))],
                [.. arrived.Select(static sent => sent.Key).Where(key => !_accepted.ContainsKey(key))],
                [
                    .. arrived.Where(static sent => sent.DistinctBy(static attempt => attempt.Body).Count() > 1)
                        .Select(static sent => sent.Key),
                ],
                [.. arrived.SelectMany(Unexplained)],
                [
                    .. _accepted.Where(static accepted => accepted.Value is not null).GroupBy(static accepted => accepted.Value)
                        .SelectMany(stream => stream.Zip(stream.Skip(1)))
                        .Where(pair => IsOutOfOrder(arrived[pair.First.Key], arrived[pair.Second.Key]))
                        .Select(static pair => $"{pair.Second.Key} before {pair.First.Key} of {pair.First.Value}"),
                ]);
        }
    }

    /// <summary>Returns whether a request of a webhook began before the receiver had accepted its predecessor.</summary>
    private static bool IsOutOfOrder(IEnumerable<Attempt> first, IEnumerable<Attempt> second) =>
        second.Any(later => !first.Any(earlier => earlier.Status == 200 && earlier.ArrivedEvent < later.BeganEvent));

    /// <summary>
    /// Returns the attempts that no rule of the protocol explains. An attempt after one that the receiver accepted is a repeat. The
    /// process that made the first of the two loses its result only if it dies, is paused, or loses its lease, and only after it began
    /// that attempt: none of these starts an attempt afterwards. The time of the begin counts and not that of the arrival, because a
    /// request that is under way when its process dies still arrives. Another process repeats it after the fault, never before. A store
    /// that loses a call or an answer explains nothing by itself: the call is made again, and if it cannot be made, the lease is lost.
    /// </summary>
    private IEnumerable<string> Unexplained(IGrouping<string, Attempt> sent) =>
        sent.Zip(sent.Skip(1))
            .Where(pair => pair.First.Status == 200 && !_faults.Any(fault => fault.Process == pair.First.Process
                && fault.Until >= pair.First.BeganAt && fault.From <= pair.Second.BeganAt))
            .Select(pair => $"{sent.Key}: {pair.First}, then {pair.Second}; faults: {string.Join(", ", _faults)}");

    /// <summary>The result of a check.</summary>
    /// <param name="Lost">The keys that were committed and that the receiver never accepted.</param>
    /// <param name="Uncommitted">The keys that arrived and were not committed.</param>
    /// <param name="Changed">The keys that arrived with different bytes.</param>
    /// <param name="Unexplained">The repeats that no fault explains.</param>
    /// <param name="OutOfOrder">The webhooks of a stream that were sent before their predecessor was accepted.</param>
    internal sealed record Verdict(
        IReadOnlyList<string> Lost, IReadOnlyList<string> Uncommitted, IReadOnlyList<string> Changed, IReadOnlyList<string> Unexplained,
        IReadOnlyList<string> OutOfOrder)
    {
        /// <summary>Gets the number of broken promises.</summary>
        public int Count => Lost.Count + Uncommitted.Count + Changed.Count + Unexplained.Count + OutOfOrder.Count;

        public override string ToString() => string.Join(
            '\n',
            [
                .. Lost.Select(static key => $"lost: {key}"),
                .. Uncommitted.Select(static key => $"uncommitted: {key}"),
                .. Changed.Select(static key => $"changed: {key}"),
                .. Unexplained.Select(static repeat => $"unexplained: {repeat}"),
                .. OutOfOrder.Select(static pair => $"out of order: {pair}"),
            ]);
    }

    /// <summary>An attempt. Its status is 0 while it has not arrived.</summary>
    internal sealed class Attempt(string process, string key, string body, DateTimeOffset beganAt, int beganEvent)
    {
        public string Process { get; } = process;

        public string Key { get; } = key;

        public string Body { get; } = body;

        public DateTimeOffset BeganAt { get; } = beganAt;

        /// <summary>Gets the number of its begin among all begins and arrivals: many have the same time.</summary>
        public int BeganEvent { get; } = beganEvent;

        public DateTimeOffset ArrivedAt { get; set; }

        public int ArrivedEvent { get; set; }

        public int Status { get; set; }

        public override string ToString() => $"{Process} at {BeganAt:mm:ss.fff} (arrived at {ArrivedAt:mm:ss.fff}, {Status})";
    }

    private sealed record Fault(string Process, string Kind, DateTimeOffset From, DateTimeOffset Until)
    {
        public override string ToString() => $"{Process} {Kind} {From:mm:ss.fff} to {Until:mm:ss.fff}";
    }
}
