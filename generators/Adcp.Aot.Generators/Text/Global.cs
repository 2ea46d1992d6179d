namespace Adcp.Aot.Generators.Text;

/// <summary>
/// The full names of the types that generated code uses. In C# a type of the user's namespace, or a nested type of
/// the user's class, wins over a <c>using</c>. Generated text therefore has no simple name of another type.
/// </summary>
internal static class Global
{
    private const string Storage = "global::Adcp.Aot.Storage.";
    private const string Auditing = "global::Adcp.Aot.Auditing.";
    private const string Platform = "global::Adcp.Aot.Platform.";
    private const string Common = "global::System.Data.Common.";
    private const string Logging = "global::Microsoft.Extensions.Logging.";

    public const string ArgumentNullException = "global::System.ArgumentNullException";
    public const string ArgumentOutOfRangeException = "global::System.ArgumentOutOfRangeException";
    public const string CancellationToken = "global::System.Threading.CancellationToken";
    public const string DateTimeOffset = "global::System.DateTimeOffset";
    public const string Exception = "global::System.Exception";
    public const string Func = "global::System.Func";
    public const string Guid = "global::System.Guid";
    public const string IAsyncDisposable = "global::System.IAsyncDisposable";
    public const string InvariantCulture = "global::System.Globalization.CultureInfo.InvariantCulture";
    public const string IReadOnlyList = "global::System.Collections.Generic.IReadOnlyList";
    public const string JsonElement = "global::System.Text.Json.JsonElement";
    public const string JsonException = "global::System.Text.Json.JsonException";
    public const string JsonSerializer = "global::System.Text.Json.JsonSerializer";
    public const string JsonSerializerContext = "global::System.Text.Json.Serialization.JsonSerializerContext";
    public const string KeyValuePair = "global::System.Collections.Generic.KeyValuePair";
    public const string List = "global::System.Collections.Generic.List";
    public const string PipeWriter = "global::System.IO.Pipelines.PipeWriter";
    public const string ReadOnlyMemory = "global::System.ReadOnlyMemory";
    public const string ReadOnlySpan = "global::System.ReadOnlySpan";
    public const string StringBuilder = "global::System.Text.StringBuilder";
    public const string Task = "global::System.Threading.Tasks.Task";
    public const string TimeProvider = "global::System.TimeProvider";
    public const string TimeSpan = "global::System.TimeSpan";
    public const string Utf8JsonWriter = "global::System.Text.Json.Utf8JsonWriter";
    public const string ValueTask = "global::System.Threading.Tasks.ValueTask";

    public const string DbCommand = Common + "DbCommand";
    public const string DbConnection = Common + "DbConnection";
    public const string DbDataReader = Common + "DbDataReader";
    public const string DbDataSource = Common + "DbDataSource";
    public const string DbException = Common + "DbException";
    public const string DbParameter = Common + "DbParameter";
    public const string DbTransaction = Common + "DbTransaction";
    public const string DbType = "global::System.Data.DbType";

    public const string EventId = Logging + "EventId";
    public const string ILogger = Logging + "ILogger";
    public const string LogLevel = Logging + "LogLevel";

    public const string NpgsqlBinaryImporter = "global::Npgsql.NpgsqlBinaryImporter";
    public const string NpgsqlConnection = "global::Npgsql.NpgsqlConnection";
    public const string NpgsqlDbType = "global::NpgsqlTypes.NpgsqlDbType";

    public const string AttemptOutcome = Auditing + "AttemptOutcome";
    public const string DeliveryAttempt = Auditing + "DeliveryAttempt";
    public const string FanOutDeliveryLogSink = Auditing + "FanOutDeliveryLogSink";
    public const string IDeliveryLogSink = Auditing + "IDeliveryLogSink";
    public const string JsonLinesDeliveryLogSink = Auditing + "JsonLinesDeliveryLogSink";
    public const string LogText = Auditing + "LogText";
    public const string WebhookActivityRecord = Auditing + "WebhookActivityRecord";

    public const string ActivityStatus = Storage + "ActivityStatus";
    public const string SqlBatchCounts = Storage + "SqlBatchCounts";
    public const string SqlBatchWriter = Storage + "SqlBatchWriter";
    public const string SqlDialect = Storage + "SqlDialect";
    public const string SqlMigration = Storage + "SqlMigration";
    public const string SqlParameters = Storage + "SqlParameters";
    public const string SqlConnections = Storage + "SqlConnections";
    public const string SqlRowException = Storage + "SqlRowException";
    public const string SqlSchema = Storage + "SqlSchema";
    public const string SqlTable = Storage + "SqlTable";
    public const string SqlValue = Storage + "SqlValue";

    public const string IExpiringStore = Storage + "IExpiringStore";
    public const string IPushNotificationConfigStore = Storage + "IPushNotificationConfigStore";
    public const string IStoreTables = Storage + "IStoreTables";
    public const string ITaskStore = Storage + "ITaskStore";
    public const string PageToken = Storage + "PageToken";
    public const string PushConfig = Storage + "PushConfig";
    public const string PushConfigSave = Storage + "PushConfigSave";
    public const string PushConfigSaveStatus = Storage + "PushConfigSaveStatus";
    public const string PushNotificationConfigStoreOptions = Storage + "PushNotificationConfigStoreOptions";
    public const string StoreCommand = Storage + "StoreCommand";
    public const string StoreDatabase = Storage + "StoreDatabase";
    public const string StoredTask = Storage + "StoredTask";
    public const string StoreScope = Storage + "StoreScope";
    public const string TaskFacts = Storage + "TaskFacts";
    public const string TaskPage = Storage + "TaskPage";
    public const string TaskQuery = Storage + "TaskQuery";
    public const string TaskSave = Storage + "TaskSave";
    public const string TaskSaveStatus = Storage + "TaskSaveStatus";
    public const string TaskStoreOptions = Storage + "TaskStoreOptions";

    public const string IAdcpPlatform = Platform + "IAdcpPlatform";
    public const string PlatformDispatch = Platform + "PlatformDispatch";
    public const string ToolCall = Platform + "ToolCall";
    public const string ToolDescription = Platform + "ToolDescription";
    public const string ToolOutcome = Platform + "ToolOutcome";
    public const string ToolReply = Platform + "ToolReply";
}
