namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The position of a batch among the batches of its period.</summary>
public sealed record ArtifactPage
{
    /// <summary>Creates a position.</summary>
    /// <param name="batchNumber">The batch, from 1.</param>
    /// <param name="totalBatches">Batches of the period, at least <paramref name="batchNumber"/>.</param>
    /// <param name="totalArtifacts">Artifacts of the period.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public ArtifactPage(int batchNumber, int totalBatches, long totalArtifacts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchNumber, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalBatches, batchNumber);
        ArgumentOutOfRangeException.ThrowIfNegative(totalArtifacts);
        BatchNumber = batchNumber;
        TotalBatches = totalBatches;
        TotalArtifacts = totalArtifacts;
    }

    /// <summary>The batch, from 1.</summary>
    public int BatchNumber { get; }

    /// <summary>Batches of the period.</summary>
    public int TotalBatches { get; }

    /// <summary>Artifacts of the period.</summary>
    public long TotalArtifacts { get; }
}
