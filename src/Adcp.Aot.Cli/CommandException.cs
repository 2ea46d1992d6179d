namespace Adcp.Aot.Cli;

/// <summary>Ends a command with a message for people. The message never holds a secret.</summary>
/// <param name="exitCode">See <see cref="Cli.ExitCode"/>.</param>
/// <param name="message">The fault, with the name of the option.</param>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    internal int ExitCode { get; } = exitCode;

    /// <summary>Creates an object from the user's input.</summary>
    /// <param name="make">Creates it.</param>
    /// <param name="option">The option at fault; <c>null</c> if the message names it.</param>
    /// <exception cref="CommandException"><paramref name="make"/> refused an argument.</exception>
    internal static T UsageOf<T>(Func<T> make, string? option = null)
    {
        try
        {
            return make();
        }
        catch (ArgumentException fault)
        {
            throw new CommandException(Cli.ExitCode.Usage, option is null ? fault.Message : $"{option}: {fault.Message}");
        }
    }
}
