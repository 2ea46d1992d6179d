using System.Diagnostics;
using System.Text.Json;

namespace Adcp.Aot.Cli.Tests;

/// <summary>The command as a process: the build beside the tests, or the native binary that <c>ADCP_TEST_CLI</c> names.</summary>
internal sealed class Cli : IDisposable
{
    private readonly Process _process;

    private Cli(Process process) => _process = process;

    public StreamReader Errors => _process.StandardError;

    public static async Task<Result> RunAsync(params string[] arguments)
    {
        using Cli cli = Start(arguments);
        return await cli.EndAsync();
    }

    public static Cli Start(params string[] arguments) => StartWithInput("", arguments);

    public static Cli StartWithInput(string input, params string[] arguments) => Start(input, [], arguments);

    public static Cli StartWithEnvironment(Dictionary<string, string?> variables, params string[] arguments) =>
        Start("", variables, arguments);

    private static Cli Start(string input, Dictionary<string, string?> variables, string[] arguments)
    {
        string? native = Environment.GetEnvironmentVariable("ADCP_TEST_CLI");
        ProcessStartInfo start = new(string.IsNullOrEmpty(native) ? "dotnet" : native)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        if (string.IsNullOrEmpty(native))
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "adcp-webhooks.dll"));
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // The environment of the tests must not decide.
        foreach (string name in new[] { "NO_COLOR", "FORCE_COLOR", "ADCP_WEBHOOKS_STORE" })
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string? value) in variables)
        {
            start.Environment[name] = value;
        }

        Process process = Process.Start(start)!;
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The command has ended without reading its input, such as after a wrong option.
        }

        return new Cli(process);
    }

    public async Task<Result> EndAsync()
    {
        Task<string> errors = _process.StandardError.ReadToEndAsync();
        string output = await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return new Result(_process.ExitCode, output, await errors);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    internal sealed record Result(int ExitCode, string Output, string Errors)
    {
        public JsonElement Json => JsonDocument.Parse(Output).RootElement;
    }
}
