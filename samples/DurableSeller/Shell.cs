using System.Diagnostics;

namespace DurableSeller;

/// <summary>Runs shell commands.</summary>
internal static class Shell
{
    /// <exception cref="RunFault">The command failed.</exception>
    public static async Task RunAsync(string command, CancellationToken cancellationToken)
    {
        using Process shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { UseShellExecute = false })!;
        try
        {
            await shell.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            shell.Kill(entireProcessTree: true);
            throw;
        }

        if (shell.ExitCode != 0)
        {
            throw new RunFault($"The command ended with exit code {shell.ExitCode}: {command}");
        }
    }
}
