namespace Adcp.Aot.Auditing;

/// <summary>Gives the same records to several sinks at once. All get them even where one fails; the faults are then thrown together.</summary>
public sealed class FanOutDeliveryLogSink : IDeliveryLogSink
{
    private readonly IDeliveryLogSink[] _sinks;

    /// <summary>Creates the fan-out.</summary>
    /// <param name="sinks">At least one sink, none null.</param>
    /// <exception cref="ArgumentException">No sink, or a null among them.</exception>
    public FanOutDeliveryLogSink(params IDeliveryLogSink[] sinks)
    {
        ArgumentNullException.ThrowIfNull(sinks);
        if (sinks.Length == 0 || Array.Exists(sinks, static sink => sink is null))
        {
            throw new ArgumentException("A fan-out needs at least one sink, and none may be null.", nameof(sinks));
        }

        _sinks = [.. sinks];
    }

    /// <inheritdoc/>
    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        Task[] calls = new Task[_sinks.Length];
        for (int i = 0; i < calls.Length; i++)
        {
            try
            {
                calls[i] = _sinks[i].RecordAsync(attempts, cancellationToken).AsTask();
            }
            catch (Exception fault)
            {
                calls[i] = Task.FromException(fault);
            }
        }

        return new ValueTask(Task.WhenAll(calls));
    }
}
