using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>Tests the watch of files that are read again when their content changes.</summary>
public sealed class FileWatchTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();
    private readonly FakeTimeProvider _time = new();
    private readonly CapturingLog _log = new();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void File_that_cannot_be_read_for_a_time_is_read_again_and_named_once()
    {
        int reads = 0;
        using FileWatch watch = Watch(() =>
        {
            if (++reads < 3)
            {
                throw new IOException("in use by another process");
            }
        });
        File.WriteAllText(_file, "second");

        Look(5);

        Assert.Equal(3, reads);
        Assert.Collection(
            _log.Lines,
            static line => Assert.StartsWith(
                "Warning: The files of Adcp:File have changed and cannot be used", line, StringComparison.Ordinal),
            static line => Assert.StartsWith("Information: The files of Adcp:File have changed", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Content_that_is_not_valid_is_read_once()
    {
        int reads = 0;
        using FileWatch watch = Watch(() =>
        {
            reads++;
            throw new ArgumentException("no certificate");
        });
        File.WriteAllText(_file, "second");

        Look(3);
        File.WriteAllText(_file, "third");
        Look(3);

        Assert.Equal(2, reads);
    }

    private FileWatch Watch(Action read)
    {
        File.WriteAllText(_file, "first");
        return new FileWatch([new WatchedFiles("Adcp:File", [_file], WatchedFiles.ContentOf([_file]), read)], _time, _log);
    }

    private void Look(int times)
    {
        for (int i = 0; i < times; i++)
        {
            _time.Advance(FileWatch.Interval);
        }
    }
}
