using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Sql;

public sealed class SqliteBatchWriterFaultTests() : BatchWriterFaultTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlBatchWriterFaultTests() : ServerBatchWriterFaultTests(SqlDialect.PostgreSql)
{
    [Fact]
    public async Task Text_that_no_index_can_hold_is_rejected_alone()
    {
        await Database.ExecuteAsync("CREATE INDEX by_body ON text_rows (body)");
        await using SqlBatchWriter<TextRow> writer = Writer(Database.Source);
        TextRow[] rows = TextTable.Rows(102);
        rows[40] = rows[40] with { Text = Convert.ToHexString(RandomNumberGenerator.GetBytes(20_000)) };

        await writer.WriteAsync(rows, default);

        Assert.Equal(new SqlBatchCounts(101, 1, 0, 0), writer.Counts);
        (int id, Exception reason) = Assert.Single(Table.Refused);
        Assert.Equal((40, "54000"), (id, Assert.IsAssignableFrom<DbException>(reason).SqlState));
    }

    [Fact]
    public async Task Batch_that_takes_longer_than_the_server_allows_is_halved()
    {
        await Database.ExecuteAsync(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$");
        await Database.ExecuteAsync("CREATE TRIGGER slow BEFORE INSERT ON text_rows FOR EACH ROW EXECUTE FUNCTION slow()");
        await using Npgsql.NpgsqlDataSource impatient =
            Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Options=-c statement_timeout=250");
        await using SqlBatchWriter<TextRow> writer = Writer(impatient);

        await writer.WriteAsync(TextTable.Rows(40), default);

        Assert.Equal(new SqlBatchCounts(40, 0, 0, 0), writer.Counts);
        Assert.Equal(40, await Database.CountAsync("SELECT COUNT(DISTINCT id) FROM text_rows"));
    }

    [Fact]
    public async Task Server_that_reads_only_for_a_while_costs_no_row_and_no_connection_of_its_pool()
    {
        string role = "reader_" + Guid.NewGuid().ToString("N");
        await Database.ExecuteAsync($"CREATE ROLE {role} LOGIN SUPERUSER");
        await Database.ExecuteAsync($"ALTER ROLE {role} SET default_transaction_read_only = on");
        await using Npgsql.NpgsqlDataSource source = Npgsql.NpgsqlDataSource.Create(
            new Npgsql.NpgsqlConnectionStringBuilder(Database.ConnectionString) { Username = role, MaxPoolSize = 2 }.ConnectionString);
        FaultyDataSource faulty = new(source);
        TaskCompletionSource refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        faulty.Plan = (sql, _) =>
        {
            if (sql.Contains("pg_terminate_backend", StringComparison.Ordinal))
            {
                refused.TrySetResult();
            }

            return null;
        };
        await using SqlBatchWriter<TextRow> writer = Writer(faulty);

        Task writing = writer.WriteAsync(TextTable.Rows(30), default).AsTask();
        await refused.Task;
        await Database.ExecuteAsync($"ALTER ROLE {role} RESET default_transaction_read_only");
        await writing;

        // An older connection keeps the old setting. The rows arrive, so none of them came from the pool again.
        Assert.Equal(new SqlBatchCounts(30, 0, 0, 0), writer.Counts);
        await writer.DisposeAsync();
        await source.DisposeAsync();
        await Database.ExecuteAsync($"DROP ROLE {role}");
    }
}

[Needs(Resource.MySql)]
public sealed class MySqlBatchWriterFaultTests() : ServerBatchWriterFaultTests(SqlDialect.MySql)
{
    [Theory]
    [InlineData(600_000)]
    [InlineData(900_000)]
    public async Task Batch_larger_than_a_packet_is_halved_and_a_row_larger_than_one_is_rejected_alone(int length)
    {
        // The server's default: 16 MiB.
        await using SqlBatchWriter<TextRow> writer = Writer(Database.Source);
        TextRow[] rows = TextTable.Rows(31, length);
        rows[7] = rows[7] with { Text = new string('y', 17_000_000) };

        await writer.WriteAsync(rows, default);

        Assert.Equal(new SqlBatchCounts(30, 1, 0, 0), writer.Counts);
        Assert.Equal(7, Assert.Single(Table.Refused).Id);
        Assert.Equal(30, await Database.CountAsync("SELECT COUNT(DISTINCT id) FROM text_rows"));
    }
}

/// <summary>Faults of a connection to a server, which an embedded database does not have.</summary>
public abstract class ServerBatchWriterFaultTests(SqlDialect dialect) : BatchWriterFaultTests(dialect)
{
    [Fact]
    public async Task Row_that_breaks_each_connection_is_rejected_after_all_others_are_recorded()
    {
        FaultyDataSource source = new(Database.Source) { Plan = (sql, parameters) => Bad(sql, parameters, Fault.Stale) };
        await using SqlBatchWriter<TextRow> writer = Writer(source);

        await writer.WriteAsync(WithBadRows(), default);

        Assert.Equal(new SqlBatchCounts(98, 2, 0, 0), writer.Counts);
        Assert.Equal(98, await Database.CountAsync("SELECT COUNT(DISTINCT id) FROM text_rows"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Batch_whose_answer_was_lost_is_written_once(bool ran)
    {
        FaultyDataSource source = new(Database.Source);
        source.Once("INSERT", ran ? Fault.LostAnswer() : Fault.Stale());
        await using SqlBatchWriter<TextRow> writer = Writer(source);

        await writer.WriteAsync(TextTable.Rows(50), default);

        Assert.Equal(new SqlBatchCounts(50, 0, 0, 0), writer.Counts);
        Assert.Equal(50, await Database.CountAsync("SELECT COUNT(*) FROM text_rows"));
    }

    [Fact]
    public async Task Table_that_cannot_know_its_rows_again_loses_none_to_a_connection_that_died_while_idle()
    {
        Table = new TextTable(Dialect, knowsRows: false);
        FaultyDataSource source = new(Database.Source);
        await using SqlBatchWriter<TextRow> writer = Writer(source);
        await writer.WriteAsync(TextTable.Rows(10), default);

        // The kept connection and the next from the pool are dead.
        int dead = 2;
        source.Plan = (_, _) => Interlocked.Decrement(ref dead) >= 0 ? Fault.Stale() : null;
        await writer.WriteAsync(TextTable.Rows(10), default);

        Assert.Equal(new SqlBatchCounts(20, 0, 0, 0), writer.Counts);
        Assert.Equal(20, await Database.CountAsync("SELECT COUNT(*) FROM text_rows"));
    }
}

/// <summary>Every row is recorded, or rejected alone with its reason, for each answer of the database.</summary>
public abstract class BatchWriterFaultTests(SqlDialect dialect) : DatabaseTests(dialect)
{
    private protected TextTable Table { get; set; } = new(dialect);

    [Theory]
    [InlineData("54000", null)]
    [InlineData("XX000", null)]
    [InlineData("0A000", null)]
    [InlineData("HY000", 1105)]
    [InlineData("08S01", 1153)]
    [InlineData(null, null)]
    public async Task Fault_that_is_not_known_to_be_the_tables_is_halved_down_to_its_row(string? state, int? number)
    {
        FaultyDataSource source = new(Database.Source);
        source.Plan = (sql, parameters) => Bad(sql, parameters, () => new Fault(new FaultException("refused", state, number)));
        await using SqlBatchWriter<TextRow> writer = Writer(source);

        await writer.WriteAsync(WithBadRows(), default);

        Assert.Equal(new SqlBatchCounts(98, 2, 0, 0), writer.Counts);
        Assert.Equal([30, 99], Table.Refused.Select(static refused => refused.Id).Order());
        Assert.Equal(98, await Database.CountAsync("SELECT COUNT(DISTINCT id) FROM text_rows"));
        Assert.Equal(98, await Database.CountAsync("SELECT COUNT(*) FROM text_rows"));
    }

    [Fact]
    public async Task Bug_of_a_driver_that_is_no_exception_of_a_database_is_halved_down_to_its_row()
    {
        FaultyDataSource source = new(Database.Source);
        source.Plan = (sql, parameters) => Bad(sql, parameters, static () => new Fault(new InvalidOperationException("a bug")));
        await using SqlBatchWriter<TextRow> writer = Writer(source);

        await writer.WriteAsync(WithBadRows(), default);

        Assert.Equal(new SqlBatchCounts(98, 2, 0, 0), writer.Counts);
        Assert.Equal(98, await Database.CountAsync("SELECT COUNT(DISTINCT id) FROM text_rows"));
    }

    [Theory]
    [InlineData("53100", null, "SQLite Error 13: 'database or disk is full'.")]
    [InlineData("53300", 1040, "SQLite Error 8: 'attempt to write a readonly database'.")]
    [InlineData("25006", 1290, "SQLite Error 10: 'disk I/O error'.")]
    [InlineData("57P01", 1836, "SQLite Error 5: 'database is locked'.")]
    public async Task Place_that_cannot_write_now_is_waited_for_on_other_connections(string state, int? number, string sqlite)
    {
        int left = 3;
        FaultException fault = Dialect == SqlDialect.Sqlite
            ? new FaultException(sqlite)
            : new FaultException("not now", state, Dialect == SqlDialect.MySql ? number : null);
        FaultyDataSource source = new(Database.Source)
        {
            Plan = (sql, _) =>
                sql.Contains("INSERT", StringComparison.Ordinal) && Interlocked.Decrement(ref left) >= 0 ? new Fault(fault) : null,
        };
        await using SqlBatchWriter<TextRow> writer = Writer(source);

        await writer.WriteAsync(TextTable.Rows(20), default);

        Assert.Equal(new SqlBatchCounts(20, 0, 0, 0), writer.Counts);
        Assert.Empty(Table.Refused);
        Assert.Equal(4, source.Opened);
    }

    [Fact]
    public async Task Rows_are_kept_although_the_callers_transaction_is_not()
    {
        await using SqlBatchWriter<TextRow> writer = Writer(Database.Source);

        using (new System.Transactions.TransactionScope(System.Transactions.TransactionScopeAsyncFlowOption.Enabled))
        {
            await writer.WriteAsync(TextTable.Rows(5), default);
        }

        Assert.Equal(5, await Database.CountAsync("SELECT COUNT(*) FROM text_rows"));
    }

    [Fact]
    public async Task Cancelled_wait_says_what_the_database_said_last()
    {
        using CancellationTokenSource cancelled = new();
        FaultException fault = Dialect == SqlDialect.Sqlite
            ? new FaultException("SQLite Error 13: 'full'.")
            : new FaultException("full", "53100");
        FaultyDataSource source = new(Database.Source)
        {
            Plan = (sql, _) =>
            {
                if (sql.Contains("INSERT", StringComparison.Ordinal))
                {
                    cancelled.CancelAfter(TimeSpan.FromMilliseconds(10));
                    return new Fault(fault);
                }

                return null;
            },
        };
        await using SqlBatchWriter<TextRow> writer = Writer(source);

        OperationCanceledException ended = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await writer.WriteAsync(TextTable.Rows(5), cancelled.Token));

        Assert.Same(fault, ended.InnerException);
        Assert.Equal(new SqlBatchCounts(0, 0, 5, 0), writer.Counts);
    }

    protected override async Task PrepareAsync() => await Database.ExecuteAsync(TextTable.Create(Dialect));

    private protected SqlBatchWriter<TextRow> Writer(DbDataSource source) => new(source, Dialect, Table);

    private protected static TextRow[] WithBadRows()
    {
        TextRow[] rows = TextTable.Rows(100);
        rows[30] = rows[30] with { Text = "bad" };
        rows[99] = rows[99] with { Text = "bad" };
        return rows;
    }

    private protected static Fault? Bad(string sql, DbParameterCollection? parameters, Func<Fault> fault) =>
        sql.StartsWith("INSERT", StringComparison.Ordinal)
            && parameters!.Cast<DbParameter>().Any(static parameter => parameter.Value is "bad")
            ? fault()
            : null;
}
