using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Resilience;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Operations;

/// <summary>
/// The operations on a supervisor: its endpoints, and its attempts if it has an <see cref="AttemptHistory"/>. Thread-safe.
/// </summary>
public partial class WebhookOperations : IWebhookOperations
{
    private const int MaxActions = 1000;

    /// <summary>The endpoints and figures of this process; null if it delivers nothing.</summary>
    private readonly (EndpointTable Endpoints, Func<(int InFlight, long RecordsDropped)> Figures)? _delivery;
    private readonly AttemptHistory? _history;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Queue<ActionRecord> _actions = new();

    /// <summary>Creates the operations on a supervisor in memory.</summary>
    /// <param name="supervisor">The supervisor.</param>
    /// <param name="history">The history that is a sink of the supervisor; <see langword="null"/> for none.</param>
    /// <param name="logger">Receives a line for each action; <see langword="null"/> for none.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="supervisor"/> is null.</exception>
    public WebhookOperations(
        InMemoryWebhookDeliverySupervisor supervisor, AttemptHistory? history = null, ILogger? logger = null,
        TimeProvider? timeProvider = null)
        : this(Endpoints(supervisor), () => (supervisor.InFlight, supervisor.RecordsDropped), history, logger, timeProvider)
    {
    }

    /// <summary>Creates the operations on a table of endpoints.</summary>
    /// <param name="endpoints">The endpoints.</param>
    /// <param name="figures">Returns the deliveries under way and the audit records dropped.</param>
    /// <param name="history">The history of attempts; <see langword="null"/> for none.</param>
    /// <param name="logger">Receives a line for each action; <see langword="null"/> for none.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    protected WebhookOperations(
        EndpointTable endpoints, Func<(int InFlight, long RecordsDropped)> figures, AttemptHistory? history, ILogger? logger,
        TimeProvider? timeProvider)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(figures);
        _delivery = (endpoints, figures);
        _history = history;
        _logger = GuardedLogger.Of(logger);
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <summary>Creates the operations in a process that delivers nothing: it has no endpoints and no attempts.</summary>
    /// <param name="logger">Receives a line for each action; <see langword="null"/> for none.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    protected WebhookOperations(ILogger? logger, TimeProvider? timeProvider)
    {
        _logger = GuardedLogger.Of(logger);
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public virtual OperationsFeatures Features => _history is null ? OperationsFeatures.None : OperationsFeatures.Attempts;

    /// <inheritdoc/>
    public virtual ValueTask<OperationsStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        if (_delivery is not { } delivery)
        {
            return new(new OperationsStatus { IsDurable = false });
        }

        (int inFlight, long dropped) = delivery.Figures();
        int open = 0;
        int isolated = 0;
        IReadOnlyList<EndpointSnapshot> endpoints = delivery.Endpoints.Snapshot();
        foreach (EndpointSnapshot endpoint in endpoints)
        {
            open += endpoint.State is CircuitState.Open or CircuitState.HalfOpen ? 1 : 0;
            isolated += endpoint.State == CircuitState.Isolated ? 1 : 0;
        }

        return new(new OperationsStatus
        {
            IsDurable = false,
            InFlight = inFlight,
            Endpoints = endpoints.Count,
            OpenEndpoints = open,
            IsolatedEndpoints = isolated,
            RecordsDropped = dropped,
            Activity = _history?.Activity() ?? [],
        });
    }

    /// <inheritdoc/>
    public virtual ValueTask<OperationsPage<EndpointStatus>> ListEndpointsAsync(
        EndpointQuery? query = null, CancellationToken cancellationToken = default) => new(PageOf(EndpointsHere(), query));

    /// <inheritdoc/>
    public virtual ValueTask<EndpointStatus?> IsolateAsync(
        string endpointId, OperatorAction action, CancellationToken cancellationToken = default) =>
        new(Force(endpointId, action, "isolate", static (endpoints, key) => endpoints.Isolate(key)));

    /// <inheritdoc/>
    public virtual ValueTask<EndpointStatus?> ResetAsync(
        string endpointId, OperatorAction action, CancellationToken cancellationToken = default) =>
        new(Force(endpointId, action, "reset", static (endpoints, key) => endpoints.Reset(key)));

    /// <inheritdoc/>
    public virtual ValueTask<OperationsStatus> PauseAsync(OperatorAction action, CancellationToken cancellationToken = default) =>
        throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<OperationsStatus> ResumeAsync(OperatorAction action, CancellationToken cancellationToken = default) =>
        throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<OperationsPage<DeliveryAttemptSnapshot>> ListAttemptsAsync(
        AttemptQuery? query = null, CancellationToken cancellationToken = default) =>
        _history is null
            ? throw new NotSupportedException("No history of attempts is kept. Give the operations an AttemptHistory.")
            : new(_history.List(query));

    /// <inheritdoc/>
    public virtual ValueTask<DeliveryStory?> FindDeliveryAsync(DeliveryQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        List<DeliveryAttemptSnapshot> attempts = _history is null
            ? throw new NotSupportedException("No history of attempts is kept. Give the operations an AttemptHistory.")
            : AttemptsOf(query);
        return new(attempts.Count == 0 ? null : new DeliveryStory
        {
            IdempotencyKey = query.IdempotencyKey,
            Attempts = attempts,
            State = StateAfter(attempts),
        });
    }

    /// <inheritdoc/>
    public virtual ValueTask<OperationsPage<DeadLetter>> ListDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default) => throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<DeadLetterCount> CountDeadLettersAsync(
        DeadLetterQuery? query = null, CancellationToken cancellationToken = default) => throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<DeadLetter?> FindDeadLetterAsync(long id, CancellationToken cancellationToken = default) =>
        throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<DeadLetterJob?> StartRedriveAsync(
        DeadLetterQuery query, RedriveOptions options, OperatorAction action, CancellationToken cancellationToken = default) =>
        throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<IReadOnlyList<DeadLetterJob>> ListDeadLetterJobsAsync(CancellationToken cancellationToken = default) =>
        throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<DeadLetterJob?> CancelDeadLetterJobAsync(
        string id, OperatorAction action, CancellationToken cancellationToken = default) => throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<DeadLetterJob?> StartDiscardAsync(
        DeadLetterQuery query, bool isDryRun, OperatorAction action, CancellationToken cancellationToken = default) => throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<ReadOnlyMemory<byte>?> OpenBodyAsync(
        long id, OperatorAction action, CancellationToken cancellationToken = default) => throw NoOutbox();

    /// <inheritdoc/>
    public virtual ValueTask<WorkersStatus> ListWorkersAsync(CancellationToken cancellationToken = default) => throw NoOutbox();

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ActionRecord>> ListActionsAsync(CancellationToken cancellationToken = default)
    {
        lock (_actions)
        {
            ActionRecord[] actions = [.. _actions];
            Array.Reverse(actions);
            return new(actions);
        }
    }

    /// <summary>Records and logs an action. Call it after the action succeeded.</summary>
    /// <param name="action">The person or program that acted, and the reason.</param>
    /// <param name="name">The name of the action.</param>
    /// <param name="target">The name of its target, without a secret.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    protected void Record(OperatorAction action, string name, string target)
    {
        ArgumentNullException.ThrowIfNull(action);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(target);
        lock (_actions)
        {
            if (_actions.Count == MaxActions)
            {
                _actions.Dequeue();
            }

            _actions.Enqueue(new ActionRecord(_time.GetUtcNow(), action.Actor, name, target, action.Reason));
        }

        LogAction(
            name, Escaped(target), Escaped(action.Actor), action.Reason is { } reason ? Escaped(reason) : "none");
    }

    /// <summary>Returns the endpoints that this process knows, in no order.</summary>
    protected IReadOnlyList<EndpointStatus> EndpointsHere() => [.. _delivery?.Endpoints.Snapshot().Select(EndpointStatus.Of) ?? []];

    /// <summary>Returns the page of endpoints that a query asks for.</summary>
    /// <param name="endpoints">All endpoints, each once.</param>
    /// <param name="query">The query; <see langword="null"/> for the first 100.</param>
    /// <exception cref="ArgumentNullException"><paramref name="endpoints"/> is null.</exception>
    /// <exception cref="ArgumentException"><see cref="EndpointQuery.After"/> is not the <c>Next</c> of a page.</exception>
    protected static OperationsPage<EndpointStatus> PageOf(IEnumerable<EndpointStatus> endpoints, EndpointQuery? query)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        query ??= new EndpointQuery();
        List<Row> rows =
        [
            .. endpoints
                .Where(endpoint => (query.State is not { } state || endpoint.State == state)
                    && (query.Text is not { } text || endpoint.Name.Contains(text, StringComparison.OrdinalIgnoreCase)))
                .Select(static endpoint => new Row(RankOf(endpoint), endpoint)),
        ];
        rows.Sort();
        int first = query.After is { } after ? Row.Position(rows, after, nameof(query)) : 0;
        int end = Math.Min(rows.Count, first + query.Limit);
        return new OperationsPage<EndpointStatus>(
            [.. rows[first..end].Select(static row => row.Endpoint)], end < rows.Count ? rows[end - 1].ToCursor() : null, rows.Count,
            false);
    }

    /// <summary>Returns the attempts of a delivery that the history has, the oldest first.</summary>
    /// <param name="query">The delivery.</param>
    /// <exception cref="ArgumentNullException"><paramref name="query"/> is null.</exception>
    protected List<DeliveryAttemptSnapshot> AttemptsOf(DeliveryQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        List<DeliveryAttemptSnapshot> attempts =
            [.. _history?.List(new AttemptQuery { IdempotencyKey = query.IdempotencyKey, Limit = PageLimit.Most }).Items ?? []];
        attempts.Reverse();
        return attempts;
    }

    /// <summary>Returns the state of a delivery after its attempts; <see langword="null"/> if there is none.</summary>
    /// <param name="attempts">The attempts, the oldest first.</param>
    /// <exception cref="ArgumentNullException"><paramref name="attempts"/> is null.</exception>
    protected static OutboxDeliveryState? StateAfter(IReadOnlyList<DeliveryAttemptSnapshot> attempts)
    {
        ArgumentNullException.ThrowIfNull(attempts);
        return attempts is not [.., DeliveryAttemptSnapshot last] ? null
            : last.Outcome == AttemptOutcome.Success ? OutboxDeliveryState.Delivered
            : last.WillRetry ? OutboxDeliveryState.Waiting
            : OutboxDeliveryState.Undelivered;
    }

    private static NotSupportedException NoOutbox() =>
        new("A supervisor in memory has no dead letters, no workers and no pause. Deliver by an outbox, and use OutboxOperations.");

    private static EndpointTable Endpoints(InMemoryWebhookDeliverySupervisor supervisor)
    {
        ArgumentNullException.ThrowIfNull(supervisor);
        return supervisor.Endpoints;
    }

    /// <summary>Returns a text of one line in ASCII, which cannot look like another line of the log.</summary>
    private static string Escaped(string text) => JsonEncodedText.Encode(text).ToString();

    private static int RankOf(EndpointStatus endpoint) => endpoint.State switch
    {
        CircuitState.Isolated => 0,
        CircuitState.Open => 1,
        CircuitState.HalfOpen => 2,
        null => 3,
        _ => endpoint.ConsecutiveFailures > 0 ? 3 : 4,
    };

    private EndpointStatus? Force(string endpointId, OperatorAction action, string name, Action<EndpointTable, string> force)
    {
        ArgumentNullException.ThrowIfNull(endpointId);
        ArgumentNullException.ThrowIfNull(action);
        if (_delivery is not { Endpoints: var endpoints })
        {
            return null;
        }

        foreach (EndpointSnapshot endpoint in endpoints.Snapshot())
        {
            if (EndpointStatus.IdOf(endpoint.Key) == endpointId)
            {
                force(endpoints, endpoint.Key);
                EndpointStatus status = EndpointStatus.Of(endpoints.TryGet(endpoint.Key, out EndpointSnapshot now) ? now : endpoint);
                Record(action, name, status.Name);
                return status;
            }
        }

        return null;
    }

    [LoggerMessage(
        EventId = AdcpEventIds.OperatorActed, Level = LogLevel.Warning,
        Message = "Operator action {Action} on {Target} by {Actor}. Reason: {Reason}")]
    private partial void LogAction(string action, string target, string actor, string reason);

    /// <summary>An endpoint and its place in the list.</summary>
    private readonly record struct Row(int Rank, EndpointStatus Endpoint) : IComparable<Row>
    {
        public int CompareTo(Row other) => Compare(Rank, Endpoint.Name, Endpoint.Id, other);

        /// <summary>Returns the position of the first row behind the one that a cursor names, which may be gone.</summary>
        internal static int Position(List<Row> rows, string cursor, string name)
        {
            string[] parts = cursor.Split('|', 3);
            if (parts.Length != 3 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int rank))
            {
                throw new ArgumentException("After is the Next of the page before.", name);
            }

            int low = 0;
            for (int high = rows.Count; low < high;)
            {
                int middle = (low + high) / 2;
                if (Compare(rank, parts[2], parts[1], rows[middle]) < 0)
                {
                    high = middle;
                }
                else
                {
                    low = middle + 1;
                }
            }

            return low;
        }

        internal string ToCursor() => string.Create(CultureInfo.InvariantCulture, $"{Rank}|{Endpoint.Id}|{Endpoint.Name}");

        private static int Compare(int rank, string name, string id, Row other)
        {
            int order = rank.CompareTo(other.Rank);
            order = order != 0 ? order : string.CompareOrdinal(name, other.Endpoint.Name);
            return order != 0 ? order : string.CompareOrdinal(id, other.Endpoint.Id);
        }
    }
}
