using System.Data.Common;
using System.Globalization;
using Adcp.Aot.Auditing;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Sinks;

public sealed class InMemoryDeliveryLogSinkTests : DeliveryLogSinkContract
{
    private readonly InMemoryDeliveryLogSink _sink = new();

    public static TheoryData<string> Contract { get; } = [.. Rules];

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    protected override ValueTask<IDeliveryLogSink> OpenAsync(CancellationToken cancellationToken) => new(_sink);

    protected override ValueTask<IReadOnlyList<RecordedAttempt>> ReadAsync(CancellationToken cancellationToken) =>
        new([.. _sink.Snapshot().Select(static attempt => new RecordedAttempt(attempt.IdempotencyKey, attempt.AttemptNumber))]);
}

public sealed class SqliteDeliveryLogSinkTests() : SqlDeliveryLogSinkTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlDeliveryLogSinkTests() : SqlDeliveryLogSinkTests(SqlDialect.PostgreSql);

/// <summary>PostgreSQL for a project that does not reference Npgsql: INSERTs of many rows.</summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlInsertDeliveryLogSinkTests() : SqlDeliveryLogSinkTests(SqlDialect.PostgreSql)
{
    private protected override ITestAuditLog Audit(DbDataSource source) => new Plain.AuditLog(source, SqlDialect.PostgreSql);
}

[Needs(Resource.MySql)]
public sealed class MySqlDeliveryLogSinkTests() : SqlDeliveryLogSinkTests(SqlDialect.MySql);

/// <summary>The contract of a sink, for a generated SQL delivery log.</summary>
public abstract class SqlDeliveryLogSinkTests(SqlDialect dialect) : DeliveryLogSinkContract, IAsyncDisposable
{
    private TestDatabase? _database;
    private ITestAuditLog? _log;

    public static TheoryData<string> Contract { get; } = [.. Rules];

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_database is not null)
        {
            await _log!.DisposeAsync();
            await _database.DisposeAsync();
        }
    }

    protected override async ValueTask<IDeliveryLogSink> OpenAsync(CancellationToken cancellationToken)
    {
        _database = await TestDatabase.CreateAsync(dialect);
        _log = Audit(_database.Source);
        await _log.CreateIfAbsentAsync(cancellationToken);
        return _log;
    }

    protected override async ValueTask<IReadOnlyList<RecordedAttempt>> ReadAsync(CancellationToken cancellationToken)
    {
        List<object?[]> rows = await _database!.RowsAsync("SELECT idempotency_key, attempt_number FROM webhook_delivery_log");
        Assert.Equal(new SqlBatchCounts(rows.Count, 0, 0, 0), _log!.Counts);
        return [.. rows.Select(static row => new RecordedAttempt((string)row[0]!, Convert.ToInt32(row[1], CultureInfo.InvariantCulture)))];
    }

    private protected virtual ITestAuditLog Audit(DbDataSource source) => new AuditLog(source, dialect);
}
