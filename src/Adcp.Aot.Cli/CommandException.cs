namespace Adcp.Aot.Cli;

/// <summary>Ends a command with a message for people. The message never holds a secret.</summary>
/// <param name="exitCode">See <see cref="Cli.ExitCode"/>.</param>
/// <param name="message">What was wrong, naming the option.</param>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    internal int ExitCode { get; } = exitCode;
}
