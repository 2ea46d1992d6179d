using System.Collections.Concurrent;

namespace Adcp.Aot.Storage;

/// <summary>
/// Locks files as a proof of life: the system releases the lock of a process the moment it ends, however it ends. Thread-safe.
/// </summary>
/// <param name="file">The database's file. The lock of a worker is beside it, with the worker's id in its name.</param>
internal sealed class SqliteProcessLocks(string file) : IDisposable
{
    private const string Infix = "-worker-";

    private readonly ConcurrentDictionary<Guid, FileStream> _held = [];

    /// <summary>Takes the lock of a worker of this process.</summary>
    /// <returns>False if the file system has no such locks; then leases decide alone.</returns>
    internal bool TryHold(Guid worker)
    {
        FileStream? held = TryOpen(worker, FileMode.CreateNew);
        if (held is null)
        {
            return false;
        }

        // A file system without locks lets the second one in, too.
        using FileStream? second = TryOpen(worker, FileMode.Open);
        if (second is not null || !File.Exists(PathOf(worker)))
        {
            held.Dispose();
            TryDelete(PathOf(worker));
            return false;
        }

        _held[worker] = held;
        return true;
    }

    /// <summary>Returns whether the process of a worker that took its lock has ended. False if that cannot be known.</summary>
    internal bool HasEnded(Guid worker)
    {
        // Whoever cannot lock a file of its own cannot judge others.
        if (_held.IsEmpty || _held.ContainsKey(worker))
        {
            return false;
        }

        using FileStream? taken = TryOpen(worker, FileMode.Open);
        return taken is not null;
    }

    /// <summary>Releases the lock of a worker of this process, or removes the file of one that was buried.</summary>
    internal void Release(Guid worker)
    {
        string path = PathOf(worker);
        if (_held.TryRemove(worker, out FileStream? held))
        {
            if (OperatingSystem.IsWindows())
            {
                held.Dispose();
                TryDelete(path);
                return;
            }

            // In this order no process finds an unlocked file.
            TryDelete(path);
            held.Dispose();
            return;
        }

        TryDelete(path);
    }

    /// <summary>Removes files of processes that ended before they could join, or whose files were left at their burial.</summary>
    /// <param name="workers">The workers that are in the table.</param>
    internal void Sweep(IReadOnlySet<Guid> workers)
    {
        string prefix = Path.GetFileName(file) + Infix;
        try
        {
            foreach (string path in Directory.EnumerateFiles(Path.GetDirectoryName(file) ?? ".", prefix + "*"))
            {
                if (Guid.TryParseExact(Path.GetFileName(path)[prefix.Length..], "N", out Guid worker) && !workers.Contains(worker)
                    && HasEnded(worker))
                {
                    TryDelete(path);
                }
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Such files cost nothing but their names.
        }
    }

    public void Dispose()
    {
        foreach (Guid worker in _held.Keys)
        {
            Release(worker);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The next sweep tries again.
        }
    }

    private string PathOf(Guid worker) => string.Create(null, $"{file}{Infix}{worker:N}");

    private FileStream? TryOpen(Guid worker, FileMode mode)
    {
        FileStreamOptions options = new() { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            return new FileStream(PathOf(worker), options);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
