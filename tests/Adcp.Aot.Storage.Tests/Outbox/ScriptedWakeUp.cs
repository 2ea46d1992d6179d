namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A wake-up of the host's, which may throw, return or hang.</summary>
internal sealed class ScriptedWakeUp : IOutboxWakeUp
{
    private TaskCompletionSource _ended = new();

    public Exception? NotifyFault { get; init; }

    public Exception? ListenFault { get; init; }

    public bool IsDeaf { get; init; }

    public int Notified { get; private set; }

    public int Listened { get; private set; }

    public Action? Wake { get; private set; }

    public Action<bool>? SetListening { get; private set; }

    public void Notify()
    {
        Notified++;
        if (NotifyFault is not null)
        {
            throw NotifyFault;
        }
    }

    /// <summary>Ends the call that listens, by a fault or by a return.</summary>
    public void End(Exception? fault)
    {
        TaskCompletionSource ended = _ended;
        _ended = new TaskCompletionSource();
        if (fault is null)
        {
            ended.SetResult();
        }
        else
        {
            ended.SetException(fault);
        }
    }

    public Task ListenAsync(Action wake, Action<bool> setListening, CancellationToken cancellationToken)
    {
        Listened++;
        Wake = wake;
        SetListening = setListening;
        return ListenFault is not null
            ? Task.FromException(ListenFault)
            : _ended.Task.WaitAsync(IsDeaf ? CancellationToken.None : cancellationToken);
    }
}
