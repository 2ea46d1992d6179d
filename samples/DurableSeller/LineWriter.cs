using System.Globalization;

namespace DurableSeller;

/// <summary>Writes a line of JSON for each webhook: key, hash of the body, and time. Thread-safe.</summary>
internal sealed class LineWriter(string? path) : IAsyncDisposable
{
    private readonly StreamWriter? _file = path is null ? null : new StreamWriter(path, append: false) { AutoFlush = true };
    private readonly SemaphoreSlim _turn = new(1, 1);

    public async Task WriteAsync(string key, string sha256)
    {
        if (_file is null)
        {
            return;
        }

        string at = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        await _turn.WaitAsync();
        try
        {
            await _file.WriteLineAsync($"{{\"key\":\"{key}\",\"sha256\":\"{sha256}\",\"at\":\"{at}\"}}");
        }
        finally
        {
            _turn.Release();
        }
    }

    public ValueTask DisposeAsync() => _file?.DisposeAsync() ?? default;
}
