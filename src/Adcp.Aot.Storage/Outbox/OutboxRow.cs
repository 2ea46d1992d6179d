namespace Adcp.Aot.Storage;

/// <summary>A webhook in the memory of the process that owns its lane. Changed by one step of the worker at a time.</summary>
internal sealed class OutboxRow
{
    /// <summary>Gets the lane, 0 to <see cref="OutboxLanes.Count"/> - 1.</summary>
    internal required short Lane { get; init; }

    /// <summary>Gets the id, unique in the outbox.</summary>
    internal required long Id { get; init; }

    /// <summary>Gets PostgreSQL's id of the transaction that enqueued the row, a part of the log's key. 0 on SQLite.</summary>
    internal ulong Transaction { get; init; }

    /// <summary>Gets the hash of the endpoint's breaker key. Two endpoints with one hash share limits and nothing else.</summary>
    internal required long Endpoint { get; init; }

    /// <summary>Gets the hash of the tenant. Two tenants with one hash share limits and nothing else.</summary>
    internal required long Tenant { get; init; }

    /// <summary>Gets whether the row is in the table of parked rows; otherwise it is in the log.</summary>
    internal bool IsParked { get; init; }

    /// <summary>Gets the state in which the row was read.</summary>
    internal OutboxState State => IsParked ? OutboxState.Parked : OutboxState.Waiting;

    /// <summary>Gets the due time of a parked row, a part of its key. Milliseconds since 1970 of the database's clock.</summary>
    internal long DueAt { get; init; }

    /// <summary>Gets the number of attempts made before.</summary>
    internal int Attempts { get; init; }

    /// <summary>
    /// Gets whether the next attempt is a retry, so that fresh rows are not delayed by it: the row is parked, or it is a dead letter that
    /// was redriven and continues.
    /// </summary>
    internal bool IsRetry => IsParked || Attempts > 0;

    /// <summary>Gets how often a process died while it owned the row and may have been sending it.</summary>
    internal int Unclean { get; init; }

    /// <summary>
    /// Gets the hash of the stream whose webhooks are delivered in order; <see langword="null"/> if the row waits for no other one. Two
    /// streams with one hash wait for each other.
    /// </summary>
    internal long? Stream { get; init; }

    /// <summary>Gets how long after the read the first attempt may begin; zero or negative if it may begin now.</summary>
    internal TimeSpan DueIn { get; init; }

    /// <summary>
    /// Gets how long after the read the delivery may continue: the rest of the horizon after a first attempt, the rest of the maximum age
    /// before it. <see langword="null"/> if there is no limit.
    /// </summary>
    internal TimeSpan? TimeLeft { get; init; }

    /// <summary>Gets the id of the encryption key.</summary>
    internal required string KeyId { get; init; }

    /// <summary>Gets the sealed webhook. Opened by <see cref="OutboxSeal"/>.</summary>
    internal required byte[] Sealed { get; init; }

    /// <summary>Gets or sets when the row was read, a timestamp of the worker's clock.</summary>
    internal long ReadAt { get; set; }

    /// <summary>Gets or sets whether the row was read as the first one of its ordered stream, so that it may be attempted.</summary>
    internal bool IsHead { get; set; }

    /// <summary>Gets or sets whether the row is attempted with few others, because its delivery may have killed processes.</summary>
    internal bool IsOnTrial { get; set; }

    /// <summary>Gets or sets whether the attempt finds out if an endpoint that failed before works again.</summary>
    internal bool IsProbe { get; set; }

    /// <summary>Gets or sets the ownership under which the row was read.</summary>
    internal long Epoch { get; set; }
}
