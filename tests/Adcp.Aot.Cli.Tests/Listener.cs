using System.Text.Json;

namespace Adcp.Aot.Cli.Tests;

/// <summary>A process of <c>listen</c> on a free port.</summary>
internal sealed class Listener : IDisposable
{
    private readonly Cli _cli;

    private Listener(Cli cli, string url)
    {
        _cli = cli;
        Url = url;
    }

    public string Url { get; }

    public static async Task<Listener> StartAsync(params string[] arguments)
    {
        Cli cli = Cli.Start(["listen", "--port", "0", .. arguments]);
        const string Announcement = "Listening on ";
        while (await cli.Errors.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(Announcement, StringComparison.Ordinal))
            {
                return new Listener(cli, line[Announcement.Length..].TrimEnd('/') + "/");
            }
        }

        throw new InvalidOperationException("The listener did not start.");
    }

    public async Task<(Cli.Result Result, JsonElement[] Lines)> EndAsync()
    {
        Cli.Result result = await _cli.EndAsync();
        return (result, [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)]);
    }

    public async Task<(string Output, string Errors)> EndTextAsync()
    {
        Cli.Result result = await _cli.EndAsync();
        return (result.Output, result.Errors);
    }

    public void Dispose() => _cli.Dispose();
}
