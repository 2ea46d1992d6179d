using System.Globalization;

namespace Adcp.Aot.Cli;

/// <summary>
/// Reports the progress of long work on the standard error: after two seconds, then four times a second on a terminal,
/// every two seconds in a log.
/// </summary>
internal sealed class Progress : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly int _total;
    private readonly string _what;
    private readonly Timer _timer;
    private int _done;
    private bool _shown;

    internal Progress(int total, string what)
    {
        _total = total;
        _what = what;
        _timer = new Timer(static progress => ((Progress)progress!).Show(), this, Patience, Console.IsErrorRedirected
            ? Patience
            : TimeSpan.FromMilliseconds(250));
    }

    internal void Step() => Interlocked.Increment(ref _done);

    public void Dispose()
    {
        _timer.Dispose();
        if (_shown && !Console.IsErrorRedirected)
        {
            Console.Error.WriteLine();
        }
    }

    private void Show()
    {
        _shown = true;
        string line = string.Create(CultureInfo.InvariantCulture, $"{Volatile.Read(ref _done)} of {_total} {_what}");
        Console.Error.Write(Console.IsErrorRedirected ? line + Environment.NewLine : "\r" + line);
    }
}
