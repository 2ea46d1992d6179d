namespace Adcp.Aot.Cli;

/// <summary>The exit codes of commands.</summary>
internal static class ExitCode
{
    internal const int Done = 0;

    /// <summary>Not delivered, or not verified.</summary>
    internal const int NotDone = 1;

    /// <summary>The command line, or a file it names, is at fault.</summary>
    internal const int Usage = 2;

    /// <summary>A rule of AdCP or of the destination guard refused the input.</summary>
    internal const int Refused = 3;
}
