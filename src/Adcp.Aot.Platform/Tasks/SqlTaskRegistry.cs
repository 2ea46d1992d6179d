using System.Data.Common;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>
/// Keeps tasks in the table <c>adcp_tasks</c> of SQLite, PostgreSQL or MySQL/MariaDB. They outlive the process, and
/// several processes share them. A save names the version that it read: if two writers race, one wins and the other
/// reads again. Writes of <c>beforeCommit</c> are in the same transaction. Registrations are encrypted. Thread-safe.
/// </summary>
public sealed class SqlTaskRegistry : ITaskRegistry, IExpiringStore, IStoreTables
{
    private const int FirstPart = 2;
    private const int LargestPart = 25;

    private readonly KeptTasks _tasks;
    private readonly DbDataSource _source;
    private readonly SecretsAtRest _secrets;

    /// <summary>Creates a registry. <see cref="CreateIfAbsentAsync"/> creates its table.</summary>
    /// <param name="source">Opens connections. The caller disposes it.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="secrets">Encrypts the registrations: urls, tokens and credentials.</param>
    /// <param name="options">The times for which tasks are kept, and the clock; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> or <paramref name="secrets"/> is null.</exception>
    /// <exception cref="ArgumentException">Secrets are kept out: a registration is a promise that must outlive the process.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is not one of the three.</exception>
    public SqlTaskRegistry(DbDataSource source, SqlDialect dialect, SecretsAtRest secrets, TaskStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        _secrets = secrets.AreStored
            ? secrets
            : throw new ArgumentException("A registration is a promise that outlives the process: give SecretsAtRest.EncryptedWith a key.",
                nameof(secrets));
        _tasks = new KeptTasks(source, dialect, options);
        _source = source;
    }

    /// <inheritdoc/>
    public int PurgeBatchSize => _tasks.PurgeBatchSize;

    /// <inheritdoc/>
    /// <exception cref="ArgumentNullException"><paramref name="check"/> is null.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public async ValueTask CheckTransactionAsync(
        Func<DbTransaction, CancellationToken, ValueTask> check, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(check);
        DbConnection connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DbTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                await check(transaction, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Creates table and indexes if they are absent.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">The database has a newer version of the table than this program knows.</exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) => _tasks.CreateIfAbsentAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default)
    {
        StoreScope scope = TaskRules.Checked(task);
        KeptTask kept = KeptTask.Of(task, _secrets) with { Change = Guid.NewGuid() };
        try
        {
            TaskSave save = await _tasks.SaveAsync(scope, kept, 0, cancellationToken).ConfigureAwait(false);
            if (save.Status == TaskSaveStatus.Saved)
            {
                return;
            }
        }
        catch (Exception)
        {
            if (!await IsSavedAsync(scope, kept).ConfigureAwait(false))
            {
                throw;
            }

            return;
        }

        throw TaskRules.Taken();
    }

    /// <inheritdoc/>
    public async ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default) =>
        await _tasks.GetAsync(StoreScope.Of(tenant), taskId, cancellationToken).ConfigureAwait(false) is { } stored
            ? stored.Task.Open(tenant, _secrets, stored.UpdatedAt)
            : null;

    /// <inheritdoc/>
    /// <exception cref="DbException">
    /// The database refused the statement or cannot be reached. If the answer to a commit was lost, it is settled by
    /// reading; if that fails too, the status may have been entered.
    /// </exception>
    public ValueTask<TaskTransition> TransitionAsync(
        string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result,
        Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null,
        CancellationToken cancellationToken = default) => ChangeAsync(
            tenant,
            taskId,
            task => TaskRules.Judge(task, status, result),
            (_, kept) => kept with { Status = status.ToWire(), Result = JsonText.Of(result) },
            beforeCommit,
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask<TaskTransition> RegisterAsync(string tenant, string taskId, PushRegistration? registration,
        CancellationToken cancellationToken = default) => ChangeAsync(
        tenant,
        taskId,
        task => TaskRules.JudgeRegistration(task, registration),
        (task, kept) => kept with { A2ARegistration = KeptTask.Protect(task, registration, _secrets) },
        null,
        cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<TaskPage<SellerTask>> ListAsync(string tenant, TaskQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        StoreScope scope = StoreScope.Of(tenant);
        List<StoredTask<SellerTask>> read = [];
        TaskQuery part = query;
        long bytes = 0;
        do
        {
            // Read in parts. Each part fits the remaining bytes if its tasks are like the last ones, so that few large
            // tasks are in memory at once.
            long fits = bytes == 0 ? FirstPart
                : Math.Clamp(((ITaskRegistry.MaxPageBytes - bytes) * read.Count / bytes) + 1, 1, LargestPart);
            part = part with { PageSize = (int)Math.Min(fits, query.PageSize + 1 - read.Count) };
            TaskPage<KeptTask> page = await _tasks.ListAsync(scope, part, cancellationToken).ConfigureAwait(false);
            read.AddRange(
                page.Tasks.Select(kept =>
                    new StoredTask<SellerTask>(kept.Task.Open(tenant, _secrets, kept.UpdatedAt), kept.Version, kept.UpdatedAt)));
            part = part with { PageToken = page.NextPageToken };
            bytes = read.Sum(task => TaskRules.Bytes(task.Task));
        }
        while (part.PageToken is not null && read.Count <= query.PageSize && bytes <= ITaskRegistry.MaxPageBytes);

        TaskPage<SellerTask> fitting = TaskRules.Page(scope, query, read);
        return fitting.Tasks.Count < read.Count ? fitting : fitting with { NextPageToken = part.PageToken };
    }

    /// <inheritdoc/>
    public ValueTask<int> CountAsync(string tenant, TaskQuery query, int limit, CancellationToken cancellationToken = default) =>
        _tasks.CountAsync(StoreScope.Of(tenant), query, limit, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default) => _tasks.PurgeAsync(cancellationToken);

    /// <summary>
    /// Reads, decides and saves; repeats if another save came between. If a turn is lost, another caller has made
    /// progress.
    /// </summary>
    private async ValueTask<TaskTransition> ChangeAsync(
        string tenant, string taskId, Func<SellerTask, TaskTransition?> judge, Func<SellerTask, KeptTask, KeptTask> change,
        Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit, CancellationToken cancellationToken)
    {
        StoreScope scope = StoreScope.Of(tenant);
        while (true)
        {
            if (await _tasks.GetAsync(scope, taskId, cancellationToken).ConfigureAwait(false) is not { } stored)
            {
                return TaskTransition.Unknown;
            }

            SellerTask task = stored.Task.Open(tenant, _secrets);
            if (judge(task) is { } refusal)
            {
                return refusal;
            }

            KeptTask changed = change(task, stored.Task) with { Change = Guid.NewGuid() };
            bool isWritten = beforeCommit is null;
            TaskSave save;
            try
            {
                save = await _tasks.SaveAsync(
                    scope, changed, stored.Version, beforeCommit is null ? null : WriteAsync, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception) when (isWritten)
            {
                if (!await IsSavedAsync(scope, changed).ConfigureAwait(false))
                {
                    throw;
                }

                return TaskTransition.Entered;
            }

            switch (save.Status)
            {
                case TaskSaveStatus.Saved:
                    return TaskTransition.Entered;
                case TaskSaveStatus.Missing:
                    return TaskTransition.Unknown;
                default:
                    break;
            }

            async ValueTask WriteAsync(DbTransaction transaction, CancellationToken token)
            {
                await beforeCommit(changed.Open(tenant, _secrets), transaction, token).ConfigureAwait(false);
                isWritten = true;
            }
        }
    }

    /// <summary>
    /// Returns whether a change was committed although its answer was lost. <c>false</c> also if that cannot be read
    /// now.
    /// </summary>
    private async ValueTask<bool> IsSavedAsync(StoreScope scope, KeptTask changed)
    {
        try
        {
            return (await _tasks.GetAsync(scope, changed.TaskId, CancellationToken.None).ConfigureAwait(false))?.Task == changed;
        }
        catch (Exception)
        {
            return false;
        }
    }
}
