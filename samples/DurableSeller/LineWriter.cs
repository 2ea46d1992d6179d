using System.Globalization;

namespace DurableSeller;

/// <summary>Writes a line of JSON for each webhook: key, hash of the body, and time. Thread-safe.</summary>
internal sealed class LineWriter : IAsyncDisposable
{
    private readonly string? _path;
    private readonly StreamWriter? _file;
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <param name="path">The file, which is emptied; <c>null</c> to write nothing.</param>
    /// <exception cref="RunFault">The file cannot be written.</exception>
    public LineWriter(string? path)
    {
        _path = path;
        try
        {
            _file = path is null ? null : new StreamWriter(path, append: false) { AutoFlush = true };
        }
        catch (Exception fault) when (fault is ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw RunFault.Unwritable(path!, fault, isUsage: true);
        }
    }

    /// <param name="key">The idempotency key.</param>
    /// <param name="sha256">The hash of the body.</param>
    /// <param name="status">The status of the answer; <c>null</c> if the line is about no request.</param>
    /// <exception cref="RunFault">The file cannot be written, as on a full disk.</exception>
    public async Task WriteAsync(string key, string sha256, int? status = null)
    {
        if (_file is null)
        {
            return;
        }

        string at = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        string end = status is { } code ? string.Create(CultureInfo.InvariantCulture, $",\"status\":{code}") : "";
        await _turn.WaitAsync();
        try
        {
            await _file.WriteLineAsync($"{{\"key\":\"{key}\",\"sha256\":\"{sha256}\",\"at\":\"{at}\"{end}}}");
        }
        catch (IOException fault)
        {
            throw RunFault.Unwritable(_path!, fault);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Closes the file. Text that could not be written was reported by <see cref="WriteAsync"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await (_file?.DisposeAsync() ?? default);
        }
        catch (IOException)
        {
            // Still full.
        }
    }
}
