using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>
/// Reads the files that settings name again when their content changes. A file that cannot be used changes nothing, and is logged once.
/// Contents are compared, not times: a mounted secret is replaced by a link whose own time does not change.
/// </summary>
internal sealed partial class FileWatch : IDisposable
{
    /// <summary>The time between two looks at the files.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger;
    private readonly Watched[] _watched;
    private readonly Lock _lock = new();
    private readonly ITimer? _timer;

    /// <summary>Begins to watch.</summary>
    /// <param name="files">The files of each setting, and the function that reads them again.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    internal FileWatch(IEnumerable<WatchedFiles> files, TimeProvider time, ILogger logger)
    {
        _logger = logger;
        _watched = [.. files.Select(static each => new Watched(each, each.Content))];
        _timer = _watched.Length == 0 ? null : time.CreateTimer(static watch => ((FileWatch)watch!).Look(), this, Interval, Interval);
    }

    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        // A look that takes longer than the interval is not joined by another one.
        if (!_lock.TryEnter())
        {
            return;
        }

        try
        {
            foreach (Watched watched in _watched)
            {
                Look(watched);
            }
        }
        finally
        {
            _lock.Exit();
        }
    }

    private void Look(Watched watched)
    {
        string content = WatchedFiles.ContentOf(watched.Files.Paths);
        if (content == watched.Content)
        {
            return;
        }

        Exception refusal;
        try
        {
            watched.Files.Read();
            watched.Content = content;
            watched.Refusal = null;
            LogRead(_logger, watched.Files.Setting);
            return;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It may be over at the next look.
            refusal = fault;
        }
        catch (Exception fault)
        {
            watched.Content = content;
            refusal = fault;
        }

        if (watched.Refusal != refusal.Message)
        {
            watched.Refusal = refusal.Message;
            LogRefused(_logger, watched.Files.Setting, refusal.Message, refusal);
        }
    }

    [LoggerMessage(HostingEventIds.FilesRead, LogLevel.Information, "The files of {Setting} have changed and are used from now on.")]
    private static partial void LogRead(ILogger logger, string setting);

    [LoggerMessage(HostingEventIds.FilesRefused, LogLevel.Warning,
        "The files of {Setting} have changed and cannot be used, so the earlier content stays: {Fault} Replace the files by valid ones; "
        + "they are read again when they change.")]
    private static partial void LogRefused(ILogger logger, string setting, string fault, Exception cause);

    private sealed class Watched(WatchedFiles files, string content)
    {
        internal WatchedFiles Files { get; } = files;

        /// <summary>Gets or sets the hash of the content that was used or refused last.</summary>
        internal string Content { get; set; } = content;

        /// <summary>Gets or sets the message of the last refusal; <see langword="null"/> if the content is used.</summary>
        internal string? Refusal { get; set; }
    }
}

/// <summary>The files of a setting.</summary>
/// <param name="Setting">The path of the setting.</param>
/// <param name="Paths">The files.</param>
/// <param name="Content">The hash of their content, taken before they were read first.</param>
/// <param name="Read">Reads them again and uses them. Throws if they cannot be used.</param>
internal sealed record WatchedFiles(string Setting, IReadOnlyList<string> Paths, string Content, Action Read)
{
    /// <summary>Returns a hash of the contents of files. A file that cannot be read counts as none.</summary>
    internal static string ContentOf(IReadOnlyList<string> paths)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string path in paths)
        {
            try
            {
                hash.AppendData(SHA256.HashData(File.ReadAllBytes(path)));
            }
            catch (Exception)
            {
                // Also on a timer, where an exception would end the process.
                hash.AppendData("none"u8);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
