using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>A fault of one statement.</summary>
/// <param name="Exception">The exception that its caller gets.</param>
/// <param name="Ran">True if the server runs the statement first: only its answer is lost.</param>
/// <param name="Breaks">True if the connection is gone afterwards.</param>
internal sealed record Fault(Exception Exception, bool Ran = false, bool Breaks = false)
{
    /// <summary>The answer is lost together with the connection.</summary>
    public static Fault LostAnswer() => new(new IOException("connection reset"), Ran: true, Breaks: true);

    /// <summary>The connection was dead before the statement.</summary>
    public static Fault Stale() => new(new IOException("broken pipe"), Breaks: true);
}

/// <summary>An exception of a driver, as System.Data.Common shows it.</summary>
internal sealed class FaultException(
    string message, string? state =
        null, int? mySqlNumber = null, bool isTransient = false, Exception? inner = null) : DbException(message, inner)
{
    public override string? SqlState { get; } = state;

    public override bool IsTransient { get; } = isTransient;

    public override System.Collections.IDictionary Data { get; } =
        mySqlNumber is { } number ? new Dictionary<string, object> { ["Server Error Code"] = number } : new Dictionary<string, object>();
}

/// <summary>
/// A source whose statements fail as a test plans it. <c>BEGIN</c> and <c>COMMIT</c> stand for the calls of
/// transactions.
/// </summary>
internal sealed class FaultyDataSource(DbDataSource inner) : DbDataSource
{
    private int _opened;

    /// <summary>Asked before each statement, with its text and parameters.</summary>
    public Func<string, DbParameterCollection?, Fault?> Plan { get; set; } = static (_, _) => null;

    public int Opened => Volatile.Read(ref _opened);

    public override string ConnectionString => inner.ConnectionString;

    /// <summary>Fails the next statement that contains a text, once.</summary>
    public void Once(string text, Fault fault)
    {
        int left = 1;
        Plan = (sql, _) => sql.Contains(text, StringComparison.Ordinal) && Interlocked.Exchange(ref left, 0) == 1 ? fault : null;
    }

    protected override DbConnection CreateDbConnection()
    {
        Interlocked.Increment(ref _opened);
        return new FaultyConnection(this, inner.CreateConnection());
    }

    private sealed class FaultyConnection(FaultyDataSource source, DbConnection inner) : DbConnection
    {
        private bool _broken;

        [AllowNull]
        public override string ConnectionString { get => inner.ConnectionString; set => inner.ConnectionString = value; }

        public override string Database => inner.Database;

        public override string DataSource => inner.DataSource;

        public override string ServerVersion => inner.ServerVersion;

        public override ConnectionState State => _broken ? ConnectionState.Closed : inner.State;

        public override void ChangeDatabase(string databaseName) => inner.ChangeDatabase(databaseName);

        public override void Close() => inner.Close();

        public override void Open() => inner.Open();

        public override Task OpenAsync(CancellationToken cancellationToken) => inner.OpenAsync(cancellationToken);

        public async Task<T> RunAsync<T>(string text, DbParameterCollection? parameters, Func<Task<T>> statement)
        {
            ObjectDisposedException.ThrowIf(_broken, this);
            Fault? fault = source.Plan(text, parameters);
            T? result = fault is null or { Ran: true } ? await statement() : default;
            if (fault is null)
            {
                return result!;
            }

            if (fault.Breaks)
            {
                await ((result as IAsyncDisposable)?.DisposeAsync() ?? default);
                _broken = true;
                await inner.CloseAsync();
            }

            throw fault.Exception;
        }

        protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) =>
            new FaultyTransaction(this, inner.BeginTransaction(isolationLevel));

        protected override async ValueTask<DbTransaction> BeginDbTransactionAsync(
            IsolationLevel isolationLevel, CancellationToken cancellationToken) =>
            new FaultyTransaction(
                this, await RunAsync("BEGIN", null, () => inner.BeginTransactionAsync(isolationLevel, cancellationToken).AsTask()));

        public override bool CanCreateBatch => inner.CanCreateBatch;

        protected override DbCommand CreateDbCommand() => new FaultyCommand(this, inner.CreateCommand());

        protected override DbBatch CreateDbBatch() => new FaultyBatch(this, inner.CreateBatch());

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    /// <summary>A batch is one statement for the plan, its text that of its commands.</summary>
    private sealed class FaultyBatch(FaultyConnection connection, DbBatch inner) : DbBatch
    {
        private DbTransaction? _transaction;

        public override int Timeout { get => inner.Timeout; set => inner.Timeout = value; }

        protected override DbBatchCommandCollection DbBatchCommands => inner.BatchCommands;

        protected override DbConnection? DbConnection { get => connection; set => throw new NotSupportedException(); }

        protected override DbTransaction? DbTransaction
        {
            get => _transaction;
            set
            {
                _transaction = value;
                inner.Transaction = (value as FaultyTransaction)?.Inner;
            }
        }

        private string Text => string.Join("; ", inner.BatchCommands.Select(static command => command.CommandText));

        public override void Cancel() => inner.Cancel();

        public override void Prepare() => inner.Prepare();

        public override Task PrepareAsync(CancellationToken cancellationToken = default) => inner.PrepareAsync(cancellationToken);

        public override int ExecuteNonQuery() => throw new NotSupportedException();

        public override object? ExecuteScalar() => throw new NotSupportedException();

        public override Task<int> ExecuteNonQueryAsync(CancellationToken cancellationToken = default) =>
            connection.RunAsync(Text, null, () => inner.ExecuteNonQueryAsync(cancellationToken));

        public override Task<object?> ExecuteScalarAsync(CancellationToken cancellationToken = default) =>
            connection.RunAsync(Text, null, () => inner.ExecuteScalarAsync(cancellationToken));

        public override void Dispose()
        {
            inner.Dispose();
            base.Dispose();
        }

        protected override DbBatchCommand CreateDbBatchCommand() => inner.CreateBatchCommand();

        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => throw new NotSupportedException();

        protected override Task<DbDataReader> ExecuteDbDataReaderAsync(CommandBehavior behavior, CancellationToken cancellationToken) =>
            connection.RunAsync(Text, null, () => inner.ExecuteReaderAsync(behavior, cancellationToken));
    }

    private sealed class FaultyTransaction(FaultyConnection connection, DbTransaction inner) : DbTransaction
    {
        public DbTransaction Inner => inner;

        public override IsolationLevel IsolationLevel => inner.IsolationLevel;

        protected override DbConnection DbConnection => connection;

        public override void Commit() => connection.RunAsync(
            "COMMIT",
            null,
            () =>
            {
                inner.Commit();
                return Task.FromResult(true);
            }).GetAwaiter().GetResult();

        public override void Rollback() => inner.Rollback();

        public override Task CommitAsync(CancellationToken cancellationToken = default) => connection.RunAsync("COMMIT", null, async () =>
        {
            await inner.CommitAsync(cancellationToken);
            return true;
        });

        public override Task RollbackAsync(CancellationToken cancellationToken = default) => inner.RollbackAsync(cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    private sealed class FaultyCommand(FaultyConnection connection, DbCommand inner) : DbCommand
    {
        private DbTransaction? _transaction;

        [AllowNull]
#pragma warning disable CA2100 // A test's own statements.
        public override string CommandText { get => inner.CommandText; set => inner.CommandText = value; }
#pragma warning restore CA2100

        public override int CommandTimeout { get => inner.CommandTimeout; set => inner.CommandTimeout = value; }

        public override CommandType CommandType { get => inner.CommandType; set => inner.CommandType = value; }

        public override bool DesignTimeVisible { get; set; }

        public override UpdateRowSource UpdatedRowSource { get; set; }

        protected override DbConnection? DbConnection { get => connection; set => throw new NotSupportedException(); }

        protected override DbParameterCollection DbParameterCollection => inner.Parameters;

        protected override DbTransaction? DbTransaction
        {
            get => _transaction;
            set
            {
                _transaction = value;
                inner.Transaction = (value as FaultyTransaction)?.Inner;
            }
        }

        public override void Cancel() => inner.Cancel();

        public override void Prepare() => inner.Prepare();

        public override int ExecuteNonQuery() =>
            connection.RunAsync(CommandText, Parameters, () => Task.FromResult(inner.ExecuteNonQuery())).GetAwaiter().GetResult();

        public override object? ExecuteScalar() =>
            connection.RunAsync(CommandText, Parameters, () => Task.FromResult(inner.ExecuteScalar())).GetAwaiter().GetResult();

        public override Task<int> ExecuteNonQueryAsync(CancellationToken cancellationToken) =>
            connection.RunAsync(CommandText, Parameters, () => inner.ExecuteNonQueryAsync(cancellationToken));

        public override Task<object?> ExecuteScalarAsync(CancellationToken cancellationToken) =>
            connection.RunAsync(CommandText, Parameters, () => inner.ExecuteScalarAsync(cancellationToken));

        protected override DbParameter CreateDbParameter() => inner.CreateParameter();

        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) =>
            connection.RunAsync(CommandText, Parameters, () => Task.FromResult(inner.ExecuteReader(behavior))).GetAwaiter().GetResult();

        protected override Task<DbDataReader> ExecuteDbDataReaderAsync(CommandBehavior behavior, CancellationToken cancellationToken) =>
            connection.RunAsync(CommandText, Parameters, () => inner.ExecuteReaderAsync(behavior, cancellationToken));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
