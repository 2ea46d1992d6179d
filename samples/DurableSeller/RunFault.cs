namespace DurableSeller;

/// <summary>Ends the run, because something happened that has nothing to do with the deliveries.</summary>
internal sealed class RunFault(string message) : Exception(message)
{
    /// <summary>Gets whether an option is wrong.</summary>
    public bool IsUsage { get; init; }

    public static RunFault Unwritable(string path, Exception fault, bool isUsage = false) =>
        new($"The file {path} cannot be written: {fault.Message}") { IsUsage = isUsage };

    public static RunFault Unreadable(string path, Exception fault) => new($"The file {path} cannot be read: {fault.Message}");
}
