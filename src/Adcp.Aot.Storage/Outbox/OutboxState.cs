namespace Adcp.Aot.Storage;

/// <summary>The state of a webhook in the tables. An attempt under way changes nothing until its result is committed.</summary>
internal enum OutboxState
{
    /// <summary>A row of the log: no attempt has ended.</summary>
    Waiting,

    /// <summary>A parked row: it waits for its due time.</summary>
    Parked,

    /// <summary>A dead letter.</summary>
    Dead,

    /// <summary>Delivered: there is no row.</summary>
    Delivered,
}

/// <summary>The states that changes lead to, for the settlers of all stores.</summary>
/// <remarks>
/// <code>
/// from \ change   Delivered   Park     Trial     Dead
/// waiting         delivered   parked   waiting   dead
/// parked          delivered   parked   parked    dead
/// </code>
/// Operators change a dead letter: a redrive makes it wait, a discard deletes it. A test compares all of it with <c>docs/outbox.md</c> and
/// with the stores.
/// </remarks>
internal static class OutboxStates
{
    /// <summary>Returns the state of a row after a change.</summary>
    internal static OutboxState After(this OutboxState from, OutboxChangeKind change) => change switch
    {
        OutboxChangeKind.Delivered => OutboxState.Delivered,
        OutboxChangeKind.Park => OutboxState.Parked,
        OutboxChangeKind.Dead => OutboxState.Dead,
        _ => from,
    };
}
