using System.Threading.Tasks.Sources;

namespace Adcp.Aot.Tests.Auditing;

/// <summary>
/// A sink's own value task source, which counts how often its result is taken and misbehaves on request.
/// </summary>
internal sealed class HostileSource : IValueTaskSource
{
    private volatile Action<object?>? _continuation;
    private object? _state;

    internal ValueTaskSourceStatus Status { get; set; } = ValueTaskSourceStatus.Succeeded;

    internal Exception? OnSubscribe { get; init; }

    internal int Taken { get; private set; }

    internal bool IsAwaited => _continuation is not null;

    internal ValueTask Task => new(this, 0);

    public void GetResult(short token) => Taken++;

    public ValueTaskSourceStatus GetStatus(short token) => Status;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if (OnSubscribe is not null)
        {
            throw OnSubscribe;
        }

        _state = state;
        _continuation = continuation;
    }

    /// <summary>Calls back, as often as asked.</summary>
    internal void Complete(int times)
    {
        Status = ValueTaskSourceStatus.Succeeded;
        for (int i = 0; i < times; i++)
        {
            try
            {
                _continuation!(_state);
            }
            catch (ArgumentException)
            {
                // .NET's refusal of a second call.
            }
        }
    }
}
