namespace Adcp.Aot.Storage;

/// <summary>
/// Makes a partial class an <see cref="IPushNotificationConfigStore"/> on an SQL table, with create-if-absent DDL. Its
/// rows are deleted with their task: the table refers to the task store's. <c>[StoreColumn]</c> adds columns; the
/// properties below fit it to an existing table.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class PushNotificationConfigStoreAttribute : Attribute
{
    /// <summary>Creates the attribute for a table and its task store.</summary>
    /// <param name="table"><c>table</c> or <c>schema.table</c>; ASCII letters, digits and underscores.</param>
    /// <param name="tasks">The class with <see cref="TaskStoreAttribute{TTask}"/> whose tasks the configurations belong
    /// to, on the same database.</param>
    public PushNotificationConfigStoreAttribute(string table, Type tasks)
    {
        Table = table;
        Tasks = tasks;
    }

    /// <summary>The table.</summary>
    public string Table { get; }

    /// <summary>The task store.</summary>
    public Type Tasks { get; }

    /// <summary>The database. Default <see cref="SqlDialect.Any"/>: the constructor takes the dialect.</summary>
    public SqlDialect Dialect { get; set; }

    /// <summary>The column of <see cref="StoreScope.Key"/>. Default <c>scope</c>.</summary>
    public string ScopeColumn { get; set; } = "scope";

    /// <summary>The column of the task's id. Default <c>task_id</c>.</summary>
    public string TaskIdColumn { get; set; } = "task_id";

    /// <summary>The column of the configuration's id. Default <c>config_id</c>.</summary>
    public string ConfigIdColumn { get; set; } = "config_id";

    /// <summary>The column of the url. Default <c>url</c>.</summary>
    public string UrlColumn { get; set; } = "url";

    /// <summary>The column of the token, encrypted. Default <c>token</c>.</summary>
    public string TokenColumn { get; set; } = "token";

    /// <summary>The column of the authentication scheme. Default <c>auth_scheme</c>.</summary>
    public string SchemeColumn { get; set; } = "auth_scheme";

    /// <summary>The column of the credentials, encrypted. Default <c>auth_credentials</c>.</summary>
    public string CredentialsColumn { get; set; } = "auth_credentials";

    /// <summary>The boolean column that holds whether notifications are sent. Default <c>is_active</c>.</summary>
    public string IsActiveColumn { get; set; } = "is_active";

    /// <summary>The 64-bit column of the last save, in milliseconds of Unix time. Default <c>updated_at</c>.</summary>
    public string UpdatedAtColumn { get; set; } = "updated_at";
}
