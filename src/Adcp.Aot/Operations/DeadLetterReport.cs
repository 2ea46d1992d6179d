namespace Adcp.Aot.Operations;

/// <summary>The result of a redrive or a discard, of a part of it, or of its dry run.</summary>
public sealed record DeadLetterReport
{
    /// <summary>Gets how many dead letters are delivered again.</summary>
    public int Redriven { get; init; }

    /// <summary>Gets how many dead letters are deleted.</summary>
    public int Discarded { get; init; }

    /// <summary>Gets how many dead letters are delivered again or deleted.</summary>
    public int Handled => Redriven + Discarded;

    /// <summary>Gets how many of <see cref="Redriven"/> are new emissions, under a new idempotency key.</summary>
    public int WithNewKey { get; init; }

    /// <summary>Gets how many were left because their horizon has passed: the receiver may have forgotten their key.</summary>
    public int OutsideHorizon { get; init; }

    /// <summary>
    /// Gets how many were left although a new key was allowed: they report on a task, or have no notification id. Enqueue these events
    /// again.
    /// </summary>
    public int NotRepeatable { get; init; }

    /// <summary>Gets how many were left because they cannot be read, were not there, or were taken by another job.</summary>
    public int Missing { get; init; }

    /// <summary>Gets the reason why the redrive is slower than its rate now. <see cref="RedriveWait.None"/> when it has ended.</summary>
    public RedriveWait Wait { get; init; }

    /// <summary>
    /// Gets the id below which a job that was cancelled continues, as <see cref="DeadLetterQuery.Before"/>; <see langword="null"/> if
    /// all were handled.
    /// </summary>
    public long? ContinueBefore { get; init; }
}
