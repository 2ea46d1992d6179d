using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Stores;

/// <content>From the model to C#.</content>
public sealed partial class TaskStoreGenerator
{
    private static readonly string[] Usings =
    [
        "System", "System.Collections.Generic", "System.Data.Common", "System.Text.Json", "System.Threading", "System.Threading.Tasks", "Adcp.Aot.Storage", "Adcp.Aot.Storage.A2A",
    ];

    internal static string Write(TaskStoreModel model) => GeneratedFile.Of(
        model.Type, Usings, $"ITaskStore<{model.TaskType}>, IExpiringStore", text =>
        {
            StoreText.Constructor(text, model.Type, model.Dialect, model.Table.Name, "TaskStoreOptions", optionsRequired: false);
            text.Line().Line("/// <inheritdoc/>").Line("public int PurgeBatchSize => _options.PurgeBatchSize;");
            Get(text.Line(), model);
            Save(text.Line(), model);
            Delete(text.Line());
            List(text.Line(), model);
            Count(text.Line());
            Purge(text.Line());
            Shared(text.Line(), model);
            StoreText.Statements(text.Line(), model.Dialect, dialect => Sql(model, dialect));
        });

    private static (string[] Define, (string Name, string Sql)[] Others) Sql(TaskStoreModel model, Dialect dialect)
    {
        TaskStoreSql sql = new(dialect, model.Table, model.Extra);
        return ([.. sql.Define()],
        [
            ("Get", sql.Get()),
            ("Insert", sql.Insert()),
            ("Update", sql.Update()),
            ("Explain", sql.Explain()),
            ("Delete", sql.Delete()),
            ("List", sql.List()),
            ("InContext", sql.InContext()),
            ("InState", sql.InState()),
            ("Since", sql.Since()),
            ("After", sql.After()),
            ("Page", sql.Page()),
            ("Count", sql.Count()),
            ("CountEnd", TaskStoreSql.CountEnd),
            ("Purge", sql.Purge()),
        ]);
    }

    private static void Get(IndentedWriter text, TaskStoreModel model)
    {
        text.Line("/// <inheritdoc/>");
        using (text.Open($"public async ValueTask<StoredTask<{model.TaskType}>?> GetAsync(StoreScope scope, string taskId, CancellationToken cancellationToken = default)"))
        {
            text.Line("""
                StoreScope.Require(scope, _options.Anonymous);
                ArgumentNullException.ThrowIfNull(taskId);
                if (!TaskFacts.IsTaskId(taskId))
                {
                    return null;
                }

                await using StoreCommand command = await _database.OpenAsync(_sql.Get, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", taskId);
                await using DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
                return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(reader) : null;
                """);
        }
    }

    private static void Save(IndentedWriter text, TaskStoreModel model)
    {
        text.Line("/// <inheritdoc/>");
        text.Line($"public ValueTask<TaskSave> SaveAsync(StoreScope scope, {model.TaskType} task, long expectedVersion, CancellationToken cancellationToken = default) =>");
        text.Line("    SaveAsync(scope, task, expectedVersion, null, cancellationToken);");
        text.Line().Line("/// <inheritdoc/>");
        text.Line("public async ValueTask<TaskSave> SaveAsync(");
        using (text.Open(
            $"    StoreScope scope, {model.TaskType} task, long expectedVersion, Func<DbTransaction, CancellationToken, ValueTask>? beforeCommit, CancellationToken cancellationToken)"))
        {
            text.Line($$"""
                StoreScope.Require(scope, _options.Anonymous);
                ArgumentNullException.ThrowIfNull(task);
                ArgumentOutOfRangeException.ThrowIfNegative(expectedVersion);
                TaskFacts facts = {{model.Facts}}(task).Require();
                bool isNew = expectedVersion == 0;
                await using StoreCommand command = await _database.OpenAsync(isNew ? _sql.Insert : _sql.Update, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", facts.TaskId);
                command.Bind("@context_id", facts.ContextId);
                command.Bind("@state", facts.State);
                command.Bind("@is_terminal", facts.IsTerminal);
                command.Bind("@now", Now());
                command.Bind("@task", JsonSerializer.Serialize(task, {{model.Contract}}));
                """);
            StoreText.BindExtra(text, model.Extra, "task");
            text.Line("""
                if (!isNew)
                {
                    command.Bind("@expected_version", expectedVersion);
                }

                (int rows, DbException? refusal) = await command.TryExecuteAsync(beforeCommit, cancellationToken).ConfigureAwait(false);
                return rows > 0
                    ? new TaskSave(TaskSaveStatus.Saved, expectedVersion + 1)
                    : await ExplainAsync(command, scope, facts.TaskId, isNew, refusal, cancellationToken).ConfigureAwait(false);
                """);
        }
    }

    private static void Delete(IndentedWriter text)
    {
        text.Line("/// <inheritdoc/>");
        using (text.Open("public async ValueTask<bool> DeleteAsync(StoreScope scope, string taskId, CancellationToken cancellationToken = default)"))
        {
            text.Line("""
                StoreScope.Require(scope, _options.Anonymous);
                ArgumentNullException.ThrowIfNull(taskId);
                if (!TaskFacts.IsTaskId(taskId))
                {
                    return false;
                }

                await using StoreCommand command = await _database.OpenReferencingAsync(_sql.Delete, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", taskId);
                return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
                """);
        }
    }

    private static void List(IndentedWriter text, TaskStoreModel model)
    {
        text.Line("/// <inheritdoc/>");
        using (text.Open($"public async ValueTask<TaskPage<{model.TaskType}>> ListAsync(StoreScope scope, TaskQuery query, CancellationToken cancellationToken = default)"))
        {
            text.Line($$"""
                StoreScope.Require(scope, _options.Anonymous);
                ArgumentNullException.ThrowIfNull(query);
                PageToken? after = PageToken.Decode(scope, query);
                string sql = _sql.List + Filter(query) + (after is null ? "" : _sql.After) + _sql.Page;
                await using StoreCommand command = await _database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
                BindFilter(command, scope, query);
                if (after is { } place)
                {
                    command.Bind("@after_time", place.UpdatedAt);
                    command.Bind("@after_id", place.TaskId);
                }

                // One more than the page holds tells whether another follows.
                command.Bind("@limit", query.PageSize + 1);
                List<StoredTask<{{model.TaskType}}>> tasks = new(query.PageSize + 1);
                await using DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    tasks.Add(Read(reader));
                }

                if (tasks.Count <= query.PageSize)
                {
                    return new TaskPage<{{model.TaskType}}>(tasks, null);
                }

                tasks.RemoveAt(query.PageSize);
                StoredTask<{{model.TaskType}}> last = tasks[^1];
                PageToken next = new(last.UpdatedAt.ToUnixTimeMilliseconds(), {{model.Facts}}(last.Task).TaskId);
                return new TaskPage<{{model.TaskType}}>(tasks, next.Encode(scope, query));
                """);
        }
    }

    private static void Count(IndentedWriter text)
    {
        text.Line("/// <inheritdoc/>");
        using (text.Open("public async ValueTask<int> CountAsync(StoreScope scope, TaskQuery query, int limit, CancellationToken cancellationToken = default)"))
        {
            text.Line("""
                StoreScope.Require(scope, _options.Anonymous);
                ArgumentNullException.ThrowIfNull(query);
                ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
                await using StoreCommand command =
                    await _database.OpenAsync(_sql.Count + Filter(query) + _sql.CountEnd, cancellationToken).ConfigureAwait(false);
                BindFilter(command, scope, query);
                command.Bind("@limit", limit);
                return await command.CountAsync(cancellationToken).ConfigureAwait(false);
                """);
        }
    }

    private static void Purge(IndentedWriter text)
    {
        text.Line("/// <inheritdoc/>");
        using (text.Open("public async ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default)"))
        {
            text.Line("""
                int ended = await PurgeAsync(isTerminal: true, _options.TimeToLive, PurgeBatchSize, cancellationToken).ConfigureAwait(false);
                return ended + await PurgeAsync(isTerminal: false, _options.UnfinishedTimeToLive, PurgeBatchSize - ended, cancellationToken).ConfigureAwait(false);
                """);
        }

        text.Line();
        using (text.Open("private async ValueTask<int> PurgeAsync(bool isTerminal, TimeSpan? timeToLive, int limit, CancellationToken cancellationToken)"))
        {
            text.Line("""
                if (timeToLive is not { } kept || limit == 0)
                {
                    return 0;
                }

                await using StoreCommand command = await _database.OpenReferencingAsync(_sql.Purge, cancellationToken).ConfigureAwait(false);
                command.Bind("@is_terminal", isTerminal);
                command.Bind("@before", Now() - (long)kept.TotalMilliseconds);
                command.Bind("@limit", limit);
                return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false);
                """);
        }
    }

    private static void Shared(IndentedWriter text, TaskStoreModel model)
    {
        text.Line($$"""
            private static StoredTask<{{model.TaskType}}> Read(DbDataReader reader) => new(
                JsonSerializer.Deserialize(reader.GetString(2), {{model.Contract}}) ?? throw new JsonException("A stored task is null."),
                reader.GetInt64(0),
                DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(1)));

            private static void BindFilter(StoreCommand command, StoreScope scope, TaskQuery query)
            {
                command.Bind("@scope", scope.Key);
                if (query.ContextId is { } contextId)
                {
                    command.Bind("@context_id", contextId);
                }

                if (query.State is { } state)
                {
                    command.Bind("@state", state);
                }

                if (query.UpdatedSince is { } since)
                {
                    command.Bind("@since", since.ToUnixTimeMilliseconds());
                }
            }

            private string Filter(TaskQuery query) => string.Concat(
                query.ContextId is null ? "" : _sql.InContext, query.State is null ? "" : _sql.InState, query.UpdatedSince is null ? "" : _sql.Since);

            /// <summary>Why nothing was stored.</summary>
            private async ValueTask<TaskSave> ExplainAsync(
                StoreCommand command, StoreScope scope, string taskId, bool isNew, DbException? refusal, CancellationToken cancellationToken)
            {
                command.Next(_sql.Explain);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", taskId);
                await using DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    return new TaskSave(reader.GetBoolean(1) ? TaskSaveStatus.Ended : TaskSaveStatus.Conflict, reader.GetInt64(0));
                }

                // Nothing there explains a refusal: it was another constraint's. A new task that was not stored met one that is deleted by now.
                return refusal is null ? new TaskSave(isNew ? TaskSaveStatus.Conflict : TaskSaveStatus.Missing, 0) : throw refusal;
            }

            private long Now() => _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
            """);
    }
}
