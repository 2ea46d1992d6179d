namespace Adcp.Aot.Generators.Stores;

/// <summary>A task table's name and columns.</summary>
internal sealed record TaskTable(
    string Name, string Scope, string TaskId, string ContextId, string State, string IsTerminal, string Version, string UpdatedAt,
    string Task)
{
    public IEnumerable<string> Columns => [Scope, TaskId, ContextId, State, IsTerminal, Version, UpdatedAt, Task];
}
