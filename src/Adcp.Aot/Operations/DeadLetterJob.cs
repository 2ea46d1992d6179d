namespace Adcp.Aot.Operations;

/// <summary>
/// A redrive or a discard of dead letters, or its dry run, in the process that runs it. Immutable: ask again for its progress.
/// </summary>
public sealed record DeadLetterJob
{
    /// <summary>Gets the id of the job.</summary>
    public required string Id { get; init; }

    /// <summary>Gets the state.</summary>
    public required DeadLetterJobState State { get; init; }

    /// <summary>Gets the dead letters that the job was given.</summary>
    public required DeadLetterQuery Query { get; init; }

    /// <summary>Gets whether the job deletes dead letters. Otherwise it delivers them again.</summary>
    public bool IsDiscard { get; init; }

    /// <summary>Gets whether the job only counts.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>Gets the person or program that started it.</summary>
    public required string Actor { get; init; }

    /// <summary>Gets the reason for which it was started; <see langword="null"/> for none.</summary>
    public string? Reason { get; init; }

    /// <summary>Gets when it was started, UTC.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Gets when it ended, UTC; <see langword="null"/> if it runs.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>
    /// Gets the report so far. If the job was cancelled or failed, another one continues with <see cref="DeadLetterReport.ContinueBefore"/>
    /// as <see cref="DeadLetterQuery.Before"/>.
    /// </summary>
    public required DeadLetterReport Report { get; init; }

    /// <summary>
    /// Gets how many dead letters a second the job handled in the last ten seconds, about; <see langword="null"/> if it does not run.
    /// </summary>
    public int? RatePerSecond { get; init; }

    /// <summary>Gets the fault in words, if <see cref="State"/> is <see cref="DeadLetterJobState.Failed"/>.</summary>
    public string? Error { get; init; }

    /// <summary>Returns id and state.</summary>
    public override string ToString() => $"{Id} {State}";
}
