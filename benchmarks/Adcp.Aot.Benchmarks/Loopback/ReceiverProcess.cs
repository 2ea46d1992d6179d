using System.Diagnostics;

namespace Adcp.Aot.Benchmarks.Loopback;

/// <summary>The receiving side in a process of its own, so that what this one spends is the client's.</summary>
internal sealed class ReceiverProcess : IDisposable
{
    private readonly Process _process;

    internal ReceiverProcess()
    {
        _process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, "receiver") { RedirectStandardInput = true, RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("The receiver does not start.");
        Http1 = Line();
        Http2 = Line();
    }

    internal string Http1 { get; }

    internal string Http2 { get; }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private string Line() => _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The receiver ended before it said where it listens.");
}
