using System.Text.Json;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;

namespace Adcp.Aot.Cli;

/// <summary>
/// Appends actions on a database to a file, one JSON line each. The database itself keeps no list of them. Commands that run at the same
/// time may share the file: each opens it alone, for one line.
/// </summary>
internal sealed class ActionLog
{
    /// <summary>The environment variable with the path of the file.</summary>
    internal const string Variable = "ADCP_WEBHOOKS_ACTION_LOG";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private readonly string _path;

    /// <param name="path">The file. It is created with mode 0600, or extended.</param>
    /// <param name="name">The name of the option or variable that gave the path.</param>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    internal ActionLog(string path, string name)
    {
        _path = path;
        try
        {
            Open().Dispose();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CommandException(ExitCode.Usage, $"{name}: '{path}' cannot be written: {fault.Message}");
        }
    }

    /// <summary>Gets whether an action could not be written.</summary>
    internal bool HasFailed { get; private set; }

    /// <summary>Writes the newest action to the disk. Not thread-safe.</summary>
    /// <param name="operations">The operations that took it, whose list of actions is in memory.</param>
    internal void Write(IWebhookOperations operations)
    {
        ActionRecord action = operations.ListActionsAsync().AsTask().GetAwaiter().GetResult()[0];
        try
        {
            using FileStream file = Open();
            file.Write([.. JsonSerializer.SerializeToUtf8Bytes(action, OperationsJson.Default.ActionRecord), (byte)'\n']);
            file.Flush(flushToDisk: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            HasFailed = true;
            Console.Error.WriteLine($"The action log was not written: {Output.Visible(fault.Message)}");
        }
    }

    /// <summary>Opens the file, once no other command has it.</summary>
    private FileStream Open()
    {
        FileStreamOptions options = new() { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        for (int triesLeft = 100; ; triesLeft--)
        {
            try
            {
                return new FileStream(_path, options);
            }
            catch (IOException) when (triesLeft > 0 && File.Exists(_path))
            {
                Task.Delay(Pause, TimeProvider.System).GetAwaiter().GetResult();
            }
        }
    }
}
