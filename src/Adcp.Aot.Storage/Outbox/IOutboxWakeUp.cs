namespace Adcp.Aot.Storage;

/// <summary>
/// Tells the workers of other processes that webhooks were committed, so that they do not wait for their next poll. Polling continues
/// beside it: a hint that is lost costs time and no webhook. Adcp.Aot.PostgreSql has the one for PostgreSQL. Thread-safe.
/// </summary>
public interface IOutboxWakeUp
{
    /// <summary>Tells all workers that webhooks were committed. Called after each commit; returns at once.</summary>
    void Notify();

    /// <summary>
    /// Calls back whenever a process has called <see cref="Notify"/>, until it is cancelled. If it throws or returns before, the worker
    /// calls it again after a while. Each worker makes a call of its own.
    /// </summary>
    /// <param name="wake">Wakes the worker. Returns at once.</param>
    /// <param name="setListening">
    /// Reports whether this call hears each <see cref="Notify"/> now. While it does, an idle worker polls every
    /// <see cref="OutboxWorkerOptions.ListeningPollInterval"/>, otherwise every <see cref="OutboxWorkerOptions.PollInterval"/>. Before the
    /// first report and after the end of the call the worker assumes false. Each change also wakes the worker, which finds the webhooks of
    /// the time before. Returns at once.
    /// </param>
    /// <param name="cancellationToken">Ends the call, when the worker stops.</param>
    Task ListenAsync(Action wake, Action<bool> setListening, CancellationToken cancellationToken);
}
