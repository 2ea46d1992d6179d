using System.Text.Json;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;

namespace Adcp.Aot.Cli;

/// <summary>Appends actions on a database to a file, one JSON line each. The database itself keeps no list of them.</summary>
internal sealed class ActionLog : IDisposable
{
    /// <summary>The environment variable with the path of the file.</summary>
    internal const string Variable = "ADCP_WEBHOOKS_ACTION_LOG";

    private readonly FileStream _file;

    /// <param name="path">The file. It is created with mode 0600, or extended.</param>
    /// <param name="name">The name of the option or variable that gave the path.</param>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    internal ActionLog(string path, string name)
    {
        FileStreamOptions options = new() { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            _file = new FileStream(path, options);
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
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(action, OperationsJson.Default.ActionRecord), (byte)'\n']);
            _file.Flush(flushToDisk: true);
        }
        catch (IOException fault)
        {
            HasFailed = true;
            Console.Error.WriteLine($"The action log was not written: {Output.Visible(fault.Message)}");
        }
    }

    public void Dispose() => _file.Dispose();
}
