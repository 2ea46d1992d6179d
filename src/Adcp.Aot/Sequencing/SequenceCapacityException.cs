namespace Adcp.Aot.Sequencing;

/// <summary>
/// A new stream was refused because the allocator is full. Existing streams continue; none restarts at 1.
/// </summary>
/// <param name="maxStreams">The bound that was reached.</param>
public sealed class SequenceCapacityException(int maxStreams)
    : InvalidOperationException($"The sequence allocator holds its maximum of {maxStreams} streams. Raise maxStreams; forgetting a "
        + "stream would restart it at 1.")
{
    /// <summary>The bound that was reached.</summary>
    public int MaxStreams { get; } = maxStreams;
}
