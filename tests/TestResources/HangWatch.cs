using System.Collections.Concurrent;
using System.Diagnostics;
using Xunit.Sdk;

namespace Adcp.Aot.TestResources;

/// <summary>Passes the messages of a test run on, and ends the process if a test does not end. Its name is in the output then.</summary>
/// <remarks>Without this, a run that hangs says nothing: the runner prints a test when it has ended.</remarks>
internal sealed class HangWatch : IMessageSink, IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, (string Name, long StartedAt)> _running = new();
    private readonly IMessageSink _inner;
    private readonly Timer _timer;

    internal HangWatch(IMessageSink inner)
    {
        _inner = inner;
        _timer = new Timer(_ => Look(), null, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30));
    }

    public bool OnMessage(IMessageSinkMessage message)
    {
        if (message is ITestStarting starting)
        {
            _running[starting.TestUniqueID] = (starting.TestDisplayName, Environment.TickCount64);
        }
        else if (message is ITestFinished finished)
        {
            _running.TryRemove(finished.TestUniqueID, out _);
        }

        return _inner.OnMessage(message);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        if (Debugger.IsAttached)
        {
            return;
        }

        string[] hanging =
        [
            .. _running.Values.Where(static test => Environment.TickCount64 - test.StartedAt > Longest.TotalMilliseconds)
                .Select(static test => test.Name),
        ];
        if (hanging.Length > 0)
        {
            Environment.FailFast($"Tests that have not ended after {Longest.TotalMinutes} minutes: {string.Join(", ", hanging)}");
        }
    }
}
