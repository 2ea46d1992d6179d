namespace Adcp.Aot.Testing;

/// <summary>An answer of a <see cref="ScriptedReceiver"/> to one request. Immutable.</summary>
public sealed record ReceiverAnswer
{
    private ReceiverAnswer(ReceiverBehavior behavior, int status)
    {
        Behavior = behavior;
        Status = status;
    }

    /// <summary>Gets the answer 200.</summary>
    public static ReceiverAnswer Ok { get; } = WithStatus(200);

    /// <summary>Gets the answer that never comes: the connection stays open until the receiver is disposed.</summary>
    public static ReceiverAnswer Hang { get; } = new(ReceiverBehavior.Hang, 0);

    /// <summary>Gets a connection that is reset after the request was read.</summary>
    public static ReceiverAnswer Reset { get; } = new(ReceiverBehavior.Reset, 0);

    /// <summary>Gets a 200 whose bytes come one by one, ten milliseconds apart.</summary>
    public static ReceiverAnswer Drip { get; } = new(ReceiverBehavior.Drip, 200);

    internal ReceiverBehavior Behavior { get; private init; }

    internal Task Gate { get; private init; } = Task.CompletedTask;

    internal int Status { get; }

    /// <summary>Gets the headers of the answer, each as a line without its end. Default none.</summary>
    public IReadOnlyList<string> Headers { get; init; } = [];

    /// <summary>Returns an answer with a status.</summary>
    /// <param name="status">100 to 599.</param>
    /// <param name="headers">Lines such as <c>Retry-After: 2</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">No status.</exception>
    public static ReceiverAnswer WithStatus(int status, params string[] headers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 100);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 599);
        return new ReceiverAnswer(ReceiverBehavior.Status, status) { Headers = headers };
    }

    /// <summary>Returns the answer 200 that is sent when a task has ended.</summary>
    /// <param name="gate">The task. Its exception is ignored.</param>
    /// <exception cref="ArgumentNullException"><paramref name="gate"/> is null.</exception>
    public static ReceiverAnswer OkAfter(Task gate)
    {
        ArgumentNullException.ThrowIfNull(gate);
        return Ok with { Gate = gate };
    }

    /// <summary>Returns an answer that is sent when the head of the request was read, and before its body.</summary>
    /// <param name="status">100 to 599.</param>
    /// <exception cref="ArgumentOutOfRangeException">No status.</exception>
    public static ReceiverAnswer Early(int status) => WithStatus(status) with { Behavior = ReceiverBehavior.Early };
}

/// <summary>The ways to treat a request.</summary>
internal enum ReceiverBehavior
{
    Status,
    Early,
    Drip,
    Hang,
    Reset,
}
