using System.Buffers;
using System.IO.Pipelines;

namespace Adcp.Aot.Auditing;

/// <summary>Writes whole lines to a file or a pipe. One call at a time.</summary>
internal abstract class LineOutput : IAsyncDisposable
{
    /// <summary>Writes lines, each with its newline.</summary>
    /// <exception cref="IOException">The lines are not written, or the result is unknown.</exception>
    internal abstract ValueTask WriteAsync(ReadOnlyMemory<byte> lines);

    public abstract ValueTask DisposeAsync();
}

/// <summary>
/// Appends to a file as its only writer. If lines cannot be written completely, they are removed. If that is
/// impossible, or if the file was found with an incomplete line, a newline is written before the next line.
/// </summary>
internal sealed class LineFile : LineOutput
{
    private static readonly byte[] Newline = "\n"u8.ToArray();

    private readonly FileStream _file;
    private bool _isTorn;

    internal LineFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        FileStreamOptions options = new()
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.Read,
            Options = FileOptions.Asynchronous,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            // Records name buyers. A file that exists keeps the mode that its owner gave it.
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        _file = new FileStream(path, options);
        _isTorn = _file.CanSeek && EndsInLine(path);
    }

    internal override async ValueTask WriteAsync(ReadOnlyMemory<byte> lines)
    {
        // Read each time: a tool that rotates logs may have truncated the file.
        long start = _file.CanSeek ? _file.Seek(0, SeekOrigin.End) : 0;
        try
        {
            if (_isTorn)
            {
                await _file.WriteAsync(Newline, CancellationToken.None).ConfigureAwait(false);
            }

            // Not cancelled half-way: records that the sink accepted are written, even if late.
            await _file.WriteAsync(lines, CancellationToken.None).ConfigureAwait(false);
            _isTorn = false;
        }
        catch (Exception)
        {
            _isTorn |= !TryTruncate(start);
            throw;
        }
    }

    public override ValueTask DisposeAsync() => _file.DisposeAsync();

    /// <summary>
    /// Returns whether the last line of a file has no newline. <c>true</c> also if the file may not be read.
    /// </summary>
    private static bool EndsInLine(string path)
    {
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path, share: FileShare.ReadWrite);
            long length = RandomAccess.GetLength(file);
            Span<byte> last = stackalloc byte[1];
            return length > 0 && (RandomAccess.Read(file, last, length - 1) == 0 || last[0] != (byte)'\n');
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private bool TryTruncate(long length)
    {
        try
        {
            if (_file.CanSeek)
            {
                _file.SetLength(length);
            }

            return _file.CanSeek;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

/// <summary>
/// Writes to the caller's pipe. A pipe keeps bytes that it could not flush, so nothing is added before they are gone:
/// the pipe never holds more than one batch.
/// </summary>
internal sealed class LinePipe(PipeWriter output) : LineOutput
{
    private bool _holdsLines;

    internal override async ValueTask WriteAsync(ReadOnlyMemory<byte> lines)
    {
        if (_holdsLines)
        {
            await FlushAsync().ConfigureAwait(false);
        }

        _holdsLines = true;
        output.Write(lines.Span);
        await FlushAsync().ConfigureAwait(false);
    }

    public override ValueTask DisposeAsync() => _holdsLines ? FlushAsync() : default;

    private async ValueTask FlushAsync()
    {
        FlushResult flushed = await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        _holdsLines = flushed.IsCanceled;
        if (flushed.IsCanceled)
        {
            throw new IOException("The flush of the audit pipe was cancelled.");
        }

        if (flushed.IsCompleted)
        {
            throw new IOException("The reader of the audit pipe has ended.");
        }
    }
}
