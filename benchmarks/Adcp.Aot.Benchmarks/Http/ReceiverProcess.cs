using System.Diagnostics;

namespace Adcp.Aot.Benchmarks.Http;

/// <summary>The receiving side in a process of its own, so that all that this process spends is the client's.</summary>
internal sealed class ReceiverProcess : IDisposable
{
    private readonly Process _process;

    /// <param name="command">The command of this program that receives. It prints its addresses, one a line, and ends
    /// when its input does.</param>
    /// <param name="addresses">How many addresses it prints.</param>
    internal ReceiverProcess(string command = "receiver", int addresses = 2)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, command) { RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = Process.Start(start) ?? throw new InvalidOperationException("The receiver does not start.");
        Addresses =
        [
            .. Enumerable.Range(0, addresses).Select(_ =>
                _process.StandardOutput.ReadLine()
                    ?? throw new InvalidOperationException("The receiver ended before it said where it listens.")),
        ];
    }

    internal IReadOnlyList<string> Addresses { get; }

    internal string Http1 => Addresses[0];

    internal string Http2 => Addresses[1];

    internal bool HasExited => _process.HasExited;

    /// <summary>The resident memory now, and the most there ever was.</summary>
    internal (long Now, long Most) ResidentBytes
    {
        get
        {
            _process.Refresh();
            return (_process.WorkingSet64, _process.PeakWorkingSet64);
        }
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
