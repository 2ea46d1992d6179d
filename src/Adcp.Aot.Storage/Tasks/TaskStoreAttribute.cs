namespace Adcp.Aot.Storage;

/// <summary>
/// Makes a partial class an <see cref="ITaskStore{TTask}"/> on an SQL table, with create-if-absent DDL and
/// <see cref="IExpiringStore"/>. The class gives two static members, which are found by their types: a
/// <c>JsonTypeInfo&lt;TTask&gt;</c> (property or field), and a method that takes a task and returns its
/// <see cref="TaskFacts"/>. <c>[StoreColumn]</c> adds columns; the properties below fit it to an existing table.
/// </summary>
/// <typeparam name="TTask">The task: the adopter's own type or an SDK's.</typeparam>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class TaskStoreAttribute<TTask> : Attribute
    where TTask : class
{
    /// <summary>Creates the attribute for a table.</summary>
    /// <param name="table"><c>table</c> or <c>schema.table</c>; ASCII letters, digits and underscores.</param>
    public TaskStoreAttribute(string table) => Table = table;

    /// <summary>The table.</summary>
    public string Table { get; }

    /// <summary>The database. Default <see cref="SqlDialect.Any"/>: the constructor takes the dialect.</summary>
    public SqlDialect Dialect { get; set; }

    /// <summary>The column of <see cref="StoreScope.Key"/>. Default <c>scope</c>.</summary>
    public string ScopeColumn { get; set; } = "scope";

    /// <summary>The column of the task's id. Default <c>task_id</c>.</summary>
    public string TaskIdColumn { get; set; } = "task_id";

    /// <summary>The column of the context's id. Default <c>context_id</c>.</summary>
    public string ContextIdColumn { get; set; } = "context_id";

    /// <summary>The column of the state's name. Default <c>state</c>.</summary>
    public string StateColumn { get; set; } = "state";

    /// <summary>The boolean column that holds whether the state is terminal. Default <c>is_terminal</c>.</summary>
    public string IsTerminalColumn { get; set; } = "is_terminal";

    /// <summary>The 64-bit column that counts the saves. Default <c>version</c>.</summary>
    public string VersionColumn { get; set; } = "version";

    /// <summary>The 64-bit column of the last save, in milliseconds of Unix time. Default <c>updated_at</c>.</summary>
    public string UpdatedAtColumn { get; set; } = "updated_at";

    /// <summary>The column of the task's JSON. Default <c>task_json</c>.</summary>
    public string TaskColumn { get; set; } = "task_json";
}
