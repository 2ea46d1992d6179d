using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Stores;

/// <content>From the model to C#.</content>
public sealed partial class PushConfigStoreGenerator
{
    private static readonly string[] Usings =
        ["System", "System.Collections.Generic", "System.Data.Common", "System.Threading", "System.Threading.Tasks", "Adcp.Aot.Storage", "Adcp.Aot.Storage.A2A"];

    internal static string Write(PushConfigStoreModel model) => GeneratedFile.Of(
        model.Type, Usings, "IPushNotificationConfigStore", text =>
        {
            StoreText.Constructor(text, model.Type, model.Dialect, model.Table.Name, "PushNotificationConfigStoreOptions", optionsRequired: true);
            Save(text.Line(), model);
            Rest(text.Line());
            StoreText.Statements(text.Line(), model.Dialect, dialect => Sql(model, dialect));
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

    private static void Save(IndentedWriter text, PushConfigStoreModel model)
    {
        text.Line("/// <inheritdoc/>");
        using (text.Open("public async ValueTask<PushConfigSave> SaveAsync(StoreScope scope, PushConfig config, CancellationToken cancellationToken = default)"))
        {
            text.Line("""
                StoreScope.Require(scope, _options.Anonymous);
                ArgumentNullException.ThrowIfNull(config);
                if (!await _options.Destinations.AllowsAsync(config.Url, cancellationToken).ConfigureAwait(false))
                {
                    return new PushConfigSave(PushConfigSaveStatus.DestinationRefused, null);
                }

                PushConfig stored = config.AsStored(_options.Secrets);
                await using StoreCommand command = await _database.OpenReferencingAsync(_sql.Save, cancellationToken).ConfigureAwait(false);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", stored.TaskId);
                command.Bind("@config_id", stored.Id);
                command.Bind("@url", stored.Url);
                command.Bind("@token", _options.Secrets.Protect(stored.Token, "token", scope.Key, stored.TaskId, stored.Id!, stored.Url));
                command.Bind("@auth_scheme", stored.AuthenticationScheme);
                command.Bind("@auth_credentials", _options.Secrets.Protect(stored.AuthenticationCredentials, "credentials", scope.Key, stored.TaskId, stored.Id!, stored.Url));
                command.Bind("@is_active", stored.IsActive);
                command.Bind("@now", Now());
                command.Bind("@max", _options.MaxPerTask);
                """);
            StoreText.BindExtra(text, model.Extra, "stored");
            text.Line("""
                (int rows, DbException? refusal) = await command.TryExecuteAsync(cancellationToken).ConfigureAwait(false);
                if (rows > 0)
                {
                    return new PushConfigSave(PushConfigSaveStatus.Saved, stored);
                }

                command.Next(_sql.HasTask);
                command.Bind("@scope", scope.Key);
                command.Bind("@task_id", stored.TaskId);
                if (await command.CountAsync(cancellationToken).ConfigureAwait(false) == 0)
                {
                    return new PushConfigSave(PushConfigSaveStatus.TaskMissing, null);
                }

                // The task is there, so a refusal was another constraint's.
                return refusal is null ? new PushConfigSave(PushConfigSaveStatus.TooMany, null) : throw refusal;
                """);
        }
    }

    private static void Rest(IndentedWriter text) => text.Line("""
        /// <inheritdoc/>
        public async ValueTask<PushConfig?> GetAsync(StoreScope scope, string taskId, string configId, CancellationToken cancellationToken = default)
        {
            if (!CanExist(scope, taskId, configId))
            {
                return null;
            }

            await using StoreCommand command = await OpenAsync(_sql.Get, scope, taskId, configId, cancellationToken).ConfigureAwait(false);
            await using DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(reader, scope, taskId) : null;
        }

        /// <inheritdoc/>
        public async ValueTask<IReadOnlyList<PushConfig>> ListAsync(
            StoreScope scope, string taskId, bool activeOnly = false, CancellationToken cancellationToken = default)
        {
            StoreScope.Require(scope, _options.Anonymous);
            ArgumentNullException.ThrowIfNull(taskId);
            if (!TaskFacts.IsTaskId(taskId))
            {
                return [];
            }

            string sql = _sql.List + (activeOnly ? _sql.OnlyActive : "") + _sql.InOrder;
            await using StoreCommand command = await _database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
            command.Bind("@scope", scope.Key);
            command.Bind("@task_id", taskId);
            List<PushConfig> configs = [];
            await using DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                configs.Add(Read(reader, scope, taskId));
            }

            return configs;
        }

        /// <inheritdoc/>
        public async ValueTask<bool> SetActiveAsync(
            StoreScope scope, string taskId, string configId, bool isActive, CancellationToken cancellationToken = default)
        {
            if (!CanExist(scope, taskId, configId))
            {
                return false;
            }

            await using StoreCommand command = await OpenAsync(_sql.SetActive, scope, taskId, configId, cancellationToken).ConfigureAwait(false);
            command.Bind("@is_active", isActive);
            command.Bind("@now", Now());
            return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
        }

        /// <inheritdoc/>
        public async ValueTask<bool> DeleteAsync(StoreScope scope, string taskId, string configId, CancellationToken cancellationToken = default)
        {
            if (!CanExist(scope, taskId, configId))
            {
                return false;
            }

            await using StoreCommand command = await OpenAsync(_sql.Delete, scope, taskId, configId, cancellationToken).ConfigureAwait(false);
            return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
        }

        private bool CanExist(StoreScope scope, string taskId, string configId)
        {
            StoreScope.Require(scope, _options.Anonymous);
            ArgumentNullException.ThrowIfNull(taskId);
            ArgumentNullException.ThrowIfNull(configId);
            return TaskFacts.IsTaskId(taskId) && PushConfig.IsId(configId);
        }

        private async ValueTask<StoreCommand> OpenAsync(string sql, StoreScope scope, string taskId, string configId, CancellationToken cancellationToken)
        {
            StoreCommand command = await _database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
            command.Bind("@scope", scope.Key);
            command.Bind("@task_id", taskId);
            command.Bind("@config_id", configId);
            return command;
        }

        private PushConfig Read(DbDataReader reader, StoreScope scope, string taskId)
        {
            string id = reader.GetString(0);
            string url = reader.GetString(1);
            return new PushConfig
            {
                TaskId = taskId,
                Id = id,
                Url = url,
                Token = _options.Secrets.Reveal(reader.IsDBNull(2) ? null : reader.GetString(2), "token", scope.Key, taskId, id, url),
                AuthenticationScheme = reader.IsDBNull(3) ? null : reader.GetString(3),
                AuthenticationCredentials =
                    _options.Secrets.Reveal(reader.IsDBNull(4) ? null : reader.GetString(4), "credentials", scope.Key, taskId, id, url),
                IsActive = reader.GetBoolean(5),
            };
        }

        private long Now() => _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        """);
}
