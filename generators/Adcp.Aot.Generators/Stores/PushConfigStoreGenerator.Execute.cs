using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Stores;

/// <content>Writes C# from the model.</content>
public sealed partial class PushConfigStoreGenerator
{
    /// <summary>The members that the class gets. A test compares the list with the generated text.</summary>
    internal static IEnumerable<GeneratedMember> Members(PushConfigStoreModel model) =>
    [
        .. StoreText.Members(model.Dialect, Global.PushNotificationConfigStoreOptions),
        GeneratedMember.Method("SaveAsync", Global.StoreScope, Global.PushConfig, Global.CancellationToken),
        GeneratedMember.Method("GetAsync", Global.StoreScope, "string", "string", Global.CancellationToken),
        GeneratedMember.Method("ListAsync", Global.StoreScope, "string", "bool", Global.CancellationToken),
        GeneratedMember.Method("SetActiveAsync", Global.StoreScope, "string", "string", "bool", Global.CancellationToken),
        GeneratedMember.Method("DeleteAsync", Global.StoreScope, "string", "string", Global.CancellationToken),
    ];

    internal static string Write(PushConfigStoreModel model) => GeneratedFile.Of(
        model.Type, [Global.IPushNotificationConfigStore, Global.IStoreTables], text =>
    {
        StoreText.Constructor(
            text, model.Type, model.Dialect, model.Extra, Global.PushNotificationConfigStoreOptions, optionsRequired: true);
        Interface(text);
        PushConfigTable table = model.Table;
        string[] key = [table.Scope, table.TaskId, table.ConfigId];
        using (StoreText.Store(text, model.Type, model.Dialect, model.Extra, table.Name, key, Global.PushNotificationConfigStoreOptions))
        {
            Save(text.Line(), model);
            Rest(text.Line());
            StoreText.Statements(text.Line(), model.Dialect, dialect => Sql(model, dialect));
        }
    });

    private static (string[] Define, (string Name, string Sql)[] Others) Sql(PushConfigStoreModel model, Dialect dialect)
    {
        PushConfigStoreSql sql = new(dialect, model.Table, model.Tasks, model.Extra);
        return ([.. sql.Define()],
        [
            ("Save", sql.Save()),
            ("HasTask", sql.HasTask()),
            ("Get", sql.Get()),
            ("List", sql.List()),
            ("OnlyActive", sql.OnlyActive()),
            ("InOrder", sql.InOrder()),
            ("SetActive", sql.SetActive()),
            ("Delete", sql.Delete()),
        ]);
    }

    private static void Interface(IndentedWriter text) => text.Line(
        $$"""

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.PushConfigSave}}> SaveAsync(
            {{Global.StoreScope}} scope,
            {{Global.PushConfig}} config,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.SaveAsync(scope, config, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.PushConfig}}?> GetAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.GetAsync(scope, taskId, configId, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<{{Global.IReadOnlyList}}<{{Global.PushConfig}}>> ListAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            bool activeOnly = false,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.ListAsync(scope, taskId, activeOnly, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<bool> SetActiveAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            bool isActive,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.SetActiveAsync(scope, taskId, configId, isActive, cancellationToken);

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}}<bool> DeleteAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            {{Global.CancellationToken}} cancellationToken = default) =>
            _adcpStore.DeleteAsync(scope, taskId, configId, cancellationToken);
        """);

    private static void Save(IndentedWriter text, PushConfigStoreModel model)
    {
        text.Line($"public async {Global.ValueTask}<{Global.PushConfigSave}> SaveAsync(");
        text.Line($"    {Global.StoreScope} scope,");
        text.Line($"    {Global.PushConfig} config,");
        text.Line($"    {Global.CancellationToken} cancellationToken)");
        using (text.Open())
        {
            text.Line($$"""
                {{Global.StoreScope}}.Require(scope, options.Anonymous);
                {{Global.ArgumentNullException}}.ThrowIfNull(config);
                if (!await options.Destinations.AllowsAsync(config.Url, scope.Key, cancellationToken).ConfigureAwait(false))
                {
                    return new {{Global.PushConfigSave}}({{Global.PushConfigSaveStatus}}.DestinationRefused, null);
                }

                {{Global.PushConfig}} stored = config.AsStored(options.Secrets);
                await using {{Global.StoreCommand}} command =
                    await database.OpenReferencingAsync(_sql.Save, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", stored.TaskId);
                command.Bind("@config_id", stored.Id);
                command.Bind("@url", stored.Url);
                command.Bind("@token", options.Secrets.Protect(stored.Token, ["token", scope.Key, stored.TaskId, stored.Id!, stored.Url]));
                command.Bind("@auth_scheme", stored.AuthenticationScheme);
                command.Bind(
                    "@auth_credentials",
                    options.Secrets.Protect(
                        stored.AuthenticationCredentials, ["credentials", scope.Key, stored.TaskId, stored.Id!, stored.Url]));
                command.Bind("@is_active", stored.IsActive);
                command.Bind("@now", Now());
                command.Bind("@max", options.MaxPerTask);
                """);
            StoreText.BindExtra(text, model.Type, model.Extra, "stored");
            text.Line($$"""
                (int rows, {{Global.DbException}}? refusal) = await command.TryExecuteAsync(cancellationToken).ConfigureAwait(false);
                if (rows > 0)
                {
                    return new {{Global.PushConfigSave}}({{Global.PushConfigSaveStatus}}.Saved, stored);
                }

                command.Next(_sql.HasTask);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", stored.TaskId);
                if (await command.CountAsync(cancellationToken).ConfigureAwait(false) == 0)
                {
                    return new {{Global.PushConfigSave}}({{Global.PushConfigSaveStatus}}.TaskMissing, null);
                }

                // The task exists, so another constraint refused the row.
                return refusal is null
                    ? new {{Global.PushConfigSave}}({{Global.PushConfigSaveStatus}}.TooMany, null)
                    : throw refusal;
                """);
        }
    }

    private static void Rest(IndentedWriter text) => text.Line($$"""
        public async {{Global.ValueTask}}<{{Global.PushConfig}}?> GetAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            {{Global.CancellationToken}} cancellationToken)
        {
            if (!CanExist(scope, taskId, configId))
            {
                return null;
            }

            await using {{Global.StoreCommand}} command =
                await OpenAsync(_sql.Get, scope, taskId, configId, cancellationToken).ConfigureAwait(false);
            await using {{Global.DbDataReader}} reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(reader, scope, taskId) : null;
        }

        public async {{Global.ValueTask}}<{{Global.IReadOnlyList}}<{{Global.PushConfig}}>>
            ListAsync(
                {{Global.StoreScope}} scope, string taskId, bool activeOnly, {{Global.CancellationToken}} cancellationToken)
        {
            {{Global.StoreScope}}.Require(scope, options.Anonymous);
            {{Global.ArgumentNullException}}.ThrowIfNull(taskId);
            if (!{{Global.TaskFacts}}.IsTaskId(taskId))
            {
                return [];
            }

            string sql = _sql.List + (activeOnly ? _sql.OnlyActive : "") + _sql.InOrder;
            await using {{Global.StoreCommand}} command =
                await database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
            command.Bind("@scope", scope.Key);
            command.Bind("@task_id", taskId);
            {{Global.List}}<{{Global.PushConfig}}> configs = new();
            await using {{Global.DbDataReader}} reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                configs.Add(Read(reader, scope, taskId));
            }

            return configs;
        }

        public async {{Global.ValueTask}}<bool> SetActiveAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            bool isActive,
            {{Global.CancellationToken}} cancellationToken)
        {
            if (!CanExist(scope, taskId, configId))
            {
                return false;
            }

            await using {{Global.StoreCommand}} command =
                await OpenAsync(_sql.SetActive, scope, taskId, configId, cancellationToken).ConfigureAwait(false);
            command.Bind("@is_active", isActive);
            command.Bind("@now", Now());
            return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
        }

        public async {{Global.ValueTask}}<bool> DeleteAsync(
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            {{Global.CancellationToken}} cancellationToken)
        {
            if (!CanExist(scope, taskId, configId))
            {
                return false;
            }

            await using {{Global.StoreCommand}} command =
                await OpenAsync(_sql.Delete, scope, taskId, configId, cancellationToken).ConfigureAwait(false);
            return await command.DeleteAsync(cancellationToken).ConfigureAwait(false);
        }

        private bool CanExist({{Global.StoreScope}} scope, string taskId, string configId)
        {
            {{Global.StoreScope}}.Require(scope, options.Anonymous);
            {{Global.ArgumentNullException}}.ThrowIfNull(taskId);
            {{Global.ArgumentNullException}}.ThrowIfNull(configId);
            return {{Global.TaskFacts}}.IsTaskId(taskId) && {{Global.PushConfig}}.IsId(configId);
        }

        private async {{Global.ValueTask}}<{{Global.StoreCommand}}> OpenAsync(
            string sql,
            {{Global.StoreScope}} scope,
            string taskId,
            string configId,
            {{Global.CancellationToken}} cancellationToken)
        {
            {{Global.StoreCommand}} command = await database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
            command.Bind("@scope", scope.Key);
            command.Bind("@task_id", taskId);
            command.Bind("@config_id", configId);
            return command;
        }

        private {{Global.PushConfig}} Read(
            {{Global.DbDataReader}} reader, {{Global.StoreScope}} scope, string taskId)
        {
            string id = reader.GetString(0);
            string url = reader.GetString(1);
            return new {{Global.PushConfig}}
            {
                TaskId = taskId,
                Id = id,
                Url = url,
                Token = options.Secrets.Reveal(reader.IsDBNull(2) ? null : reader.GetString(2), ["token", scope.Key, taskId, id, url]),
                AuthenticationScheme = reader.IsDBNull(3) ? null : reader.GetString(3),
                AuthenticationCredentials =
                    options.Secrets.Reveal(reader.IsDBNull(4) ? null : reader.GetString(4), ["credentials", scope.Key, taskId, id, url]),
                IsActive = reader.GetBoolean(5),
            };
        }

        private long Now() => options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        """);
}
