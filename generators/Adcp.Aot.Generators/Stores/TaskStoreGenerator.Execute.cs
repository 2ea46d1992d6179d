using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Stores;

/// <content>Writes C# from the model.</content>
public sealed partial class TaskStoreGenerator
{
    private const string BeforeCommit = $"{Global.Func}<{Global.DbTransaction}, {Global.CancellationToken}, {Global.ValueTask}>";

    /// <summary>The members that the class gets. A test compares the list with the generated text.</summary>
    internal static IEnumerable<GeneratedMember> Members(TaskStoreModel model)
    {
        return
        [
            .. StoreText.Members(model.Dialect, Global.TaskStoreOptions),
            .. GeneratedMember.Property("PurgeBatchSize"),
            GeneratedMember.Method("GetAsync", Global.StoreScope, "string", Global.CancellationToken),
            GeneratedMember.Method("SaveAsync", Global.StoreScope, model.TaskType, "long", Global.CancellationToken),
            GeneratedMember.Method("SaveAsync", Global.StoreScope, model.TaskType, "long", BeforeCommit, Global.CancellationToken),
            GeneratedMember.Method("DeleteAsync", Global.StoreScope, "string", Global.CancellationToken),
            GeneratedMember.Method("ListAsync", Global.StoreScope, Global.TaskQuery, Global.CancellationToken),
            GeneratedMember.Method("CountAsync", Global.StoreScope, Global.TaskQuery, "int", Global.CancellationToken),
            GeneratedMember.Method("PurgeAsync", Global.CancellationToken),
        ];
    }

    internal static string Write(TaskStoreModel model) => GeneratedFile.Of(
        model.Type, [$"{Global.ITaskStore}<{model.TaskType}>", Global.IExpiringStore, Global.IStoreTables], text =>
        {
            StoreText.Constructor(text, model.Type, model.Dialect, model.Extra, Global.TaskStoreOptions, optionsRequired: false);
            Interface(text, model);
            TaskTable table = model.Table;
            using (StoreText.Store(
                text, model.Type, model.Dialect, model.Extra, table.Name, [table.Scope, table.TaskId], Global.TaskStoreOptions))
            {
                text.Line().Line("public int PurgeBatchSize => options.PurgeBatchSize;");
                Get(text.Line(), model);
                Save(text.Line(), model);
                Delete(text.Line());
                List(text.Line(), model);
                Count(text.Line());
                Purge(text.Line());
                Shared(text.Line(), model);
                StoreText.Statements(text.Line(), model.Dialect, dialect => Sql(model, dialect));
            }
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

    private static void Interface(IndentedWriter text, TaskStoreModel model) => text.Line(
        $$"""

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public int PurgeBatchSize => _adcpStore.PurgeBatchSize;

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.StoredTask}}<{{model.TaskType}}>?> GetAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.GetAsync(scope, taskId, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.TaskSave}}> SaveAsync(
            {{Global.StoreScope}} scope,
            {{model.TaskType}} task,
            long expectedVersion,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.SaveAsync(scope, task, expectedVersion, null, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.TaskSave}}> SaveAsync(
            {{Global.StoreScope}} scope,
            {{model.TaskType}} task,
            long expectedVersion,
            {{Global.Func}}<
                {{Global.DbTransaction}},
                {{Global.CancellationToken}},
                {{Global.ValueTask}}>? beforeCommit,
            {{Global.CancellationToken}} cancellationToken) =>
            _adcpStore.SaveAsync(scope, task, expectedVersion, beforeCommit, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<bool> DeleteAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.DeleteAsync(scope, taskId, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.TaskPage}}<{{model.TaskType}}>> ListAsync(
            {{Global.StoreScope}} scope,
            {{Global.TaskQuery}} query,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.ListAsync(scope, query, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<int> CountAsync(
            {{Global.StoreScope}} scope,
            {{Global.TaskQuery}} query,
            int limit,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.CountAsync(scope, query, limit, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<int> PurgeAsync({{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.PurgeAsync(cancellationToken);
        """);

    private static void Get(IndentedWriter text, TaskStoreModel model)
    {
        text.Line($"public async {Global.ValueTask}<{Global.StoredTask}<{model.TaskType}>?> GetAsync(");
        text.Line($"    {Global.StoreScope} scope,");
        text.Line($"    string taskId,");
        text.Line($"    {Global.CancellationToken} cancellationToken)");
        using (text.Open())
        {
            text.Line($$"""
                {{Global.StoreScope}}.Require(scope, options.Anonymous);
                {{Global.ArgumentNullException}}.ThrowIfNull(taskId);
                if (!{{Global.TaskFacts}}.IsTaskId(taskId))
                {
                    return null;
                }

                await using {{Global.StoreCommand}} command =
                    await database.OpenAsync(_sql.Get, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", taskId);
                await using {{Global.DbDataReader}} reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
                return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(reader) : null;
                """);
        }
    }

    private static void Save(IndentedWriter text, TaskStoreModel model)
    {
        text.Line(
            $$"""
            public async {{Global.ValueTask}}<{{Global.TaskSave}}> SaveAsync(
                {{Global.StoreScope}} scope,
                {{model.TaskType}} task,
                long expectedVersion,
                {{Global.Func}}<
                    {{Global.DbTransaction}},
                    {{Global.CancellationToken}},
                    {{Global.ValueTask}}>? beforeCommit,
                {{Global.CancellationToken}} cancellationToken)
            """);
        using (text.Open())
        {
            text.Line($$"""
                {{Global.StoreScope}}.Require(scope, options.Anonymous);
                {{Global.ArgumentNullException}}.ThrowIfNull(task);
                {{Global.ArgumentOutOfRangeException}}.ThrowIfNegative(expectedVersion);
                {{Global.TaskFacts}} facts = {{model.Type.FullName}}.{{model.Facts}}(task).Require();
                bool isNew = expectedVersion == 0;
                byte[] json = {{Global.JsonSerializer}}.SerializeToUtf8Bytes(task, {{model.Type.FullName}}.{{model.Contract}});
                await using {{Global.StoreCommand}} command =
                    await database.OpenAsync(isNew ? _sql.Insert : _sql.Update, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", facts.TaskId);
                command.Bind("@context_id", facts.ContextId);
                command.Bind("@state", facts.State);
                command.Bind("@is_terminal", facts.IsTerminal);
                command.Bind("@now", Now());
                command.BindJson("@task", json);
                """);
            StoreText.BindExtra(text, model.Type, model.Extra, "task");
            text.Line($$"""
                if (!isNew)
                {
                    command.Bind("@expected_version", expectedVersion);
                }

                (int rows, {{Global.DbException}}? refusal) = await command.TryExecuteAsync(beforeCommit, cancellationToken)
                    .ConfigureAwait(false);
                return rows > 0
                    ? new {{Global.TaskSave}}({{Global.TaskSaveStatus}}.Saved, expectedVersion + 1)
                    : await command.ExplainAsync(_sql.Explain, scope, facts.TaskId, expectedVersion, json, refusal, cancellationToken)
                        .ConfigureAwait(false);
                """);
        }
    }

    private static void Delete(IndentedWriter text)
    {
        text.Line($"public async {Global.ValueTask}<bool> DeleteAsync(");
        text.Line($"    {Global.StoreScope} scope,");
        text.Line($"    string taskId,");
        text.Line($"    {Global.CancellationToken} cancellationToken)");
        using (text.Open())
        {
            text.Line($$"""
                {{Global.StoreScope}}.Require(scope, options.Anonymous);
                {{Global.ArgumentNullException}}.ThrowIfNull(taskId);
                if (!{{Global.TaskFacts}}.IsTaskId(taskId))
                {
                    return false;
                }

                await using {{Global.StoreCommand}} command =
                    await database.OpenReferencingAsync(_sql.Delete, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", taskId);
                return await command.DeleteAsync(cancellationToken).ConfigureAwait(false);
                """);
        }
    }

    private static void List(IndentedWriter text, TaskStoreModel model)
    {
        text.Line($"public async {Global.ValueTask}<{Global.TaskPage}<{model.TaskType}>> ListAsync(");
        text.Line($"    {Global.StoreScope} scope,");
        text.Line($"    {Global.TaskQuery} query,");
        text.Line($"    {Global.CancellationToken} cancellationToken)");
        using (text.Open())
        {
            text.Line($$"""
                {{Global.StoreScope}}.Require(scope, options.Anonymous);
                {{Global.ArgumentNullException}}.ThrowIfNull(query);
                {{Global.PageToken}}? after = {{Global.PageToken}}.Decode(scope, query);
                string sql = _sql.List + Filter(query) + (after is null ? "" : _sql.After) + _sql.Page;
                await using {{Global.StoreCommand}} command =
                    await database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
                BindFilter(command, scope, query);
                if (after is { } place)
                {
                    command.Bind("@after_time", place.UpdatedAt);
                    command.Bind("@after_id", place.TaskId);
                }

                // One row more than the page holds shows whether another page follows.
                command.Bind("@limit", query.PageSize + 1);
                {{Global.List}}<{{Global.StoredTask}}<{{model.TaskType}}>> tasks = new(query.PageSize + 1);
                await using {{Global.DbDataReader}} reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    tasks.Add(Read(reader));
                }

                if (tasks.Count <= query.PageSize)
                {
                    return new {{Global.TaskPage}}<{{model.TaskType}}>(tasks, null);
                }

                tasks.RemoveAt(query.PageSize);
                {{Global.StoredTask}}<{{model.TaskType}}> last = tasks[^1];
                string lastId = {{model.Type.FullName}}.{{model.Facts}}(last.Task).TaskId;
                {{Global.PageToken}} next = new(last.UpdatedAt.ToUnixTimeMilliseconds(), lastId);
                return new {{Global.TaskPage}}<{{model.TaskType}}>(tasks, next.Encode(scope, query));
                """);
        }
    }

    private static void Count(IndentedWriter text)
    {
        text.Line($"public async {Global.ValueTask}<int> CountAsync(");
        text.Line($"    {Global.StoreScope} scope,");
        text.Line($"    {Global.TaskQuery} query,");
        text.Line($"    int limit,");
        text.Line($"    {Global.CancellationToken} cancellationToken)");
        using (text.Open())
        {
            text.Line($$"""
                {{Global.StoreScope}}.Require(scope, options.Anonymous);
                {{Global.ArgumentNullException}}.ThrowIfNull(query);
                {{Global.ArgumentOutOfRangeException}}.ThrowIfLessThan(limit, 1);
                await using {{Global.StoreCommand}} command =
                    await database.OpenAsync(_sql.Count + Filter(query) + _sql.CountEnd, cancellationToken).ConfigureAwait(false);
                BindFilter(command, scope, query);
                command.Bind("@limit", limit);
                return await command.CountAsync(cancellationToken).ConfigureAwait(false);
                """);
        }
    }

    private static void Purge(IndentedWriter text)
    {
        using (text.Open($"public async {Global.ValueTask}<int> PurgeAsync({Global.CancellationToken} cancellationToken)"))
        {
            text.Line($$"""
                int ended = await PurgeAsync(isTerminal: true, options.TimeToLive, PurgeBatchSize, cancellationToken).ConfigureAwait(false);
                int room = PurgeBatchSize - ended;
                return ended + await PurgeAsync(isTerminal: false, options.UnfinishedTimeToLive, room, cancellationToken)
                    .ConfigureAwait(false);
                """);
        }

        text.Line();
        text.Line($"private async {Global.ValueTask}<int> PurgeAsync(");
        text.Line($"    bool isTerminal, {Global.TimeSpan}? timeToLive, int limit, {Global.CancellationToken} cancellationToken)");
        using (text.Open())
        {
            text.Line($$"""
                if (timeToLive is not { } kept || limit == 0)
                {
                    return 0;
                }

                await using {{Global.StoreCommand}} command =
                    await database.OpenReferencingAsync(_sql.Purge, cancellationToken).ConfigureAwait(false);
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
            private {{Global.StoredTask}}<{{model.TaskType}}> Read({{Global.DbDataReader}} reader) =>
                new {{Global.StoredTask}}<{{model.TaskType}}>(
                    {{Global.JsonSerializer}}.Deserialize(database.ReadJson(reader, 2), {{model.Type.FullName}}.{{model.Contract}})
                        ?? throw new {{Global.JsonException}}("A stored task is null."),
                    reader.GetInt64(0),
                    {{Global.DateTimeOffset}}.FromUnixTimeMilliseconds(reader.GetInt64(1)));

            private static void BindFilter(
                {{Global.StoreCommand}} command, {{Global.StoreScope}} scope, {{Global.TaskQuery}} query)
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

            private string Filter({{Global.TaskQuery}} query) => string.Concat(
                query.ContextId is null ? "" : _sql.InContext,
                query.State is null ? "" : _sql.InState,
                query.UpdatedSince is null ? "" : _sql.Since);

            private long Now() => options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
            """);
    }
}
