using Adcp.Aot.Receiving;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>
/// Keeps claims in a SQLite file: durable over crashes of process and machine, shared by the processes of one machine. Thread-safe; the calls of one store take turns.
/// </summary>
/// <remarks>
/// A file that is made here is readable by its owner only (mode 0600), and so are its <c>-wal</c> and <c>-shm</c> files.
/// Write-ahead log with full synchronisation: a claim or completion is on the disk when its call returns. Bindings past their retention are removed a few with each new one.
/// For receivers on several machines implement <see cref="IWebhookClaimStore"/> over a database that they share.
/// </remarks>
public sealed class SqliteWebhookClaimStore : IWebhookClaimStore, IAsyncDisposable
{
    private const int SchemaVersion = 1;
    private const int RemovedWithEachNew = 32;
    private const int BusySeconds = 30;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly SqliteConnection _connection;
    private readonly TimeProvider _time;
    private readonly int _maxKeysPerSender;

    /// <summary>Opens a file, or makes one if there is none.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="maxKeysPerSender">The most keys kept of one sender. At least 1, default 1,000,000 (about 200 MB).</param>
    /// <param name="timeProvider">The clock of leases and retention. Default the system's.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxKeysPerSender"/> is less than 1.</exception>
    /// <exception cref="IOException">The file cannot be opened, is no such store, or was made by a later version.</exception>
    public SqliteWebhookClaimStore(string path, int maxKeysPerSender = 1_000_000, TimeProvider? timeProvider = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxKeysPerSender, 1);
        _maxKeysPerSender = maxKeysPerSender;
        _time = timeProvider ?? TimeProvider.System;
        SqliteConnectionStringBuilder file = new() { DataSource = path, Pooling = false, DefaultTimeout = BusySeconds };
        _connection = new SqliteConnection(file.ToString());
        try
        {
            CreatePrivate(path);
            _connection.Open();
            Prepare();
        }
        catch (Exception fault) when (fault is SqliteException or UnauthorizedAccessException or DirectoryNotFoundException)
        {
            _connection.Dispose();
            throw new IOException($"The claim store '{path}' cannot be opened.", fault);
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Gets <c>true</c>.</summary>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public async ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(idempotencyKey);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return Claim(sender, idempotencyKey, fingerprint.Span, lease, retention);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken) =>
        SettleAsync(claim, "lease_until = $now + $lease", lease, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
        SettleAsync(claim, "completed = 1, lease_until = 0", default, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
        SettleAsync(claim, "lease_until = 0", default, cancellationToken);

    /// <summary>Closes the file after the call under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Makes an absent file readable by its owner only. SQLite gives its <c>-wal</c> and <c>-shm</c> files the mode of this one.
    /// </summary>
    private static void CreatePrivate(string path)
    {
        bool isFile = path != ":memory:" && !path.StartsWith("file:", StringComparison.Ordinal);
        if (isFile && !OperatingSystem.IsWindows() && !File.Exists(path))
        {
            using FileStream created = new(path, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.ReadWrite | FileShare.Delete,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
    }

    private void Prepare()
    {
        Run("PRAGMA journal_mode = WAL");
        Run("PRAGMA synchronous = FULL");
        using SqliteTransaction transaction = _connection.BeginTransaction(deferred: false);
        long version = Read("PRAGMA user_version");
        if (version > SchemaVersion)
        {
            throw new IOException($"The claim store was made by a later version: schema {version}, known {SchemaVersion}.");
        }

        if (version == 0)
        {
            Run(
                $"""
                CREATE TABLE webhook_claim (
                    sender TEXT NOT NULL,
                    idempotency_key TEXT NOT NULL,
                    fingerprint BLOB NOT NULL,
                    owner INTEGER NOT NULL,
                    completed INTEGER NOT NULL,
                    lease_until INTEGER NOT NULL,
                    retain_until INTEGER NOT NULL,
                    PRIMARY KEY (sender, idempotency_key)) WITHOUT ROWID;
                CREATE INDEX webhook_claim_retention ON webhook_claim (retain_until);
                CREATE TABLE webhook_sender (sender TEXT PRIMARY KEY, keys INTEGER NOT NULL) WITHOUT ROWID;
                CREATE TRIGGER webhook_claim_added AFTER INSERT ON webhook_claim BEGIN
                    INSERT INTO webhook_sender VALUES (NEW.sender, 1) ON CONFLICT (sender) DO UPDATE SET keys = keys + 1;
                END;
                CREATE TRIGGER webhook_claim_removed AFTER DELETE ON webhook_claim BEGIN
                    UPDATE webhook_sender SET keys = keys - 1 WHERE sender = OLD.sender;
                    DELETE FROM webhook_sender WHERE sender = OLD.sender AND keys = 0;
                END;
                PRAGMA user_version = {SchemaVersion};
                """);
        }

        transaction.Commit();
    }

    private WebhookClaim Claim(string sender, string key, ReadOnlySpan<byte> fingerprint, TimeSpan lease, TimeSpan retention)
    {
        // Immediate: whoever is in here is the only one, also among processes.
        using SqliteTransaction transaction = _connection.BeginTransaction(deferred: false);
        long now = Now();
        Remove(sender, key, now);
        ClaimStatus status = Look(sender, key, fingerprint, now, out bool isNew);
        long owner = 0;
        if (status == ClaimStatus.Owned)
        {
            owner = WebhookClaim.NewOwner();
            using SqliteCommand command = Command(
                isNew
                    ? "INSERT INTO webhook_claim VALUES ($sender, $key, $fingerprint, $owner, 0, $now + $lease, $now + $retention)"
                    : "UPDATE webhook_claim SET owner = $owner, lease_until = $now + $lease WHERE sender = $sender AND idempotency_key = $key",
                ("$sender", sender), ("$key", key), ("$owner", owner), ("$now", now), ("$lease", Milliseconds(lease)));
            if (isNew)
            {
                command.Parameters.AddWithValue("$fingerprint", fingerprint.ToArray());
                command.Parameters.AddWithValue("$retention", Milliseconds(retention));
            }

            command.ExecuteNonQuery();
        }

        transaction.Commit();
        return new WebhookClaim(sender, key, owner, status);
    }

    private ClaimStatus Look(string sender, string key, ReadOnlySpan<byte> fingerprint, long now, out bool isNew)
    {
        using SqliteCommand select = Command(
            "SELECT fingerprint, completed, lease_until FROM webhook_claim WHERE sender = $sender AND idempotency_key = $key", ("$sender", sender), ("$key", key));
        using SqliteDataReader row = select.ExecuteReader();
        isNew = !row.Read();
        return isNew
            ? Read("SELECT coalesce((SELECT keys FROM webhook_sender WHERE sender = $sender), 0)", ("$sender", sender)) < _maxKeysPerSender
                ? ClaimStatus.Owned
                : ClaimStatus.SenderFull
            : !fingerprint.SequenceEqual(row.GetFieldValue<byte[]>(0)) ? ClaimStatus.Conflict
            : row.GetInt64(1) != 0 ? ClaimStatus.Completed
            : row.GetInt64(2) > now ? ClaimStatus.InProgress
            : ClaimStatus.Owned;
    }

    /// <summary>Removes the key's binding where its retention is over, and some others.</summary>
    private void Remove(string sender, string key, long now)
    {
        const string Over = "retain_until <= $now AND lease_until <= $now";
        using SqliteCommand one = Command(
            $"DELETE FROM webhook_claim WHERE sender = $sender AND idempotency_key = $key AND {Over}", ("$sender", sender), ("$key", key), ("$now", now));
        one.ExecuteNonQuery();
        using SqliteCommand others = Command(
            $"""
            DELETE FROM webhook_claim WHERE (sender, idempotency_key) IN (
                SELECT sender, idempotency_key FROM webhook_claim WHERE {Over} ORDER BY retain_until LIMIT $most)
            """,
            ("$now", now), ("$most", RemovedWithEachNew));
        others.ExecuteNonQuery();
    }

    private async ValueTask<bool> SettleAsync(WebhookClaim claim, string change, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (claim.Status != ClaimStatus.Owned)
        {
            return false;
        }

        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using SqliteCommand command = Command(
                $"""
                UPDATE webhook_claim SET {change}
                WHERE sender = $sender AND idempotency_key = $key AND owner = $owner AND completed = 0 AND lease_until > $now
                """,
                ("$sender", claim.Sender), ("$key", claim.IdempotencyKey), ("$owner", claim.Owner), ("$now", Now()), ("$lease", Milliseconds(lease)));
            return command.ExecuteNonQuery() == 1;
        }
        finally
        {
            _turn.Release();
        }
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    private void Run(string sql)
    {
        using SqliteCommand command = Command(sql);
        command.ExecuteNonQuery();
    }

    private long Read(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using SqliteCommand command = Command(sql, parameters);
        return (long)command.ExecuteScalar()!;
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, object value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command;
    }
}
