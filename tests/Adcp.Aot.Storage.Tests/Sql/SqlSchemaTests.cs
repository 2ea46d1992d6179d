using System.Data.Common;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Storage.Tests.Outbox;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Sql;

public sealed class SqliteSqlSchemaTests() : SqlSchemaTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlSqlSchemaTests() : SqlSchemaTests(SqlDialect.PostgreSql)
{
    [Fact]
    public Task Migration_waits_for_a_table_in_use_without_holding_up_others() => WaitWithoutHoldingUpOthersAsync(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE things1%' AND wait_event_type = 'Lock' "
        + "AND application_name = current_setting('application_name')");

    [Fact]
    public Task Migration_gives_up_after_a_minute_and_names_the_cause() => GiveUpAfterAMinuteAsync();
}

[Needs(Resource.MySql)]
public sealed class MySqlSqlSchemaTests() : SqlSchemaTests(SqlDialect.MySql)
{
    [Fact]
    public Task Migration_waits_for_a_table_in_use_without_holding_up_others() => WaitWithoutHoldingUpOthersAsync(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE things1%' "
        + "AND state = 'Waiting for table metadata lock' AND db = DATABASE()");

    [Fact]
    public Task Migration_gives_up_after_a_minute_and_names_the_cause() => GiveUpAfterAMinuteAsync();
}

public abstract class SqlSchemaTests(SqlDialect dialect) : DatabaseTests(dialect)
{
    [Fact]
    public async Task Program_of_two_versions_before_starts_if_both_migrations_are_backward_compatible()
    {
        await Schema(true, true).ApplyAsync(Database.Source);

        Assert.Equal(3, await Schema().ApplyAsync(Database.Source));
        await Schema().RequireKnownVersionAsync(Database.Source, default);
        await Schema(true).RequireKnownVersionAsync(Database.Source, default);
        Assert.Equal((3, 1), (await VersionAsync("things"), await VersionAsync("things oldest")));
    }

    [Fact]
    public async Task Only_the_last_version_starts_if_an_incompatible_migration_follows_a_compatible_one()
    {
        await Schema(true).ApplyAsync(Database.Source);
        await Schema().RequireKnownVersionAsync(Database.Source, default);

        await Schema(true, false).ApplyAsync(Database.Source);

        await Schema(true, false).RequireKnownVersionAsync(Database.Source, default);
        foreach (SqlSchema earlier in new[] { Schema(true), Schema() })
        {
            await Assert.ThrowsAsync<InvalidOperationException>(
                async () => await earlier.RequireKnownVersionAsync(Database.Source, default));
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await earlier.ApplyAsync(Database.Source));
        }

        Assert.Equal((3, 0), (await VersionAsync("things"), await VersionAsync("things oldest")));
    }

    [Fact]
    public async Task Program_from_before_an_incompatible_migration_is_refused_although_a_compatible_one_follows()
    {
        await Schema(false, true).ApplyAsync(Database.Source);

        await Schema(false).RequireKnownVersionAsync(Database.Source, default);
        await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await Schema().RequireKnownVersionAsync(Database.Source, default));
    }

    [Fact]
    public async Task Oldest_version_is_recorded_before_a_migration_that_fails()
    {
        await Schema().ApplyAsync(Database.Source);
        SqlSchema next = new(
            Dialect, "things", Creation(1), new SqlMigration("INSERT INTO absent VALUES (1)") { IsBackwardCompatible = true });

        await Assert.ThrowsAnyAsync<DbException>(async () => await next.ApplyAsync(Database.Source));

        // MySQL has no transaction that could undo it.
        int expected = Dialect == SqlDialect.MySql ? 1 : 0;
        Assert.Equal((1, expected), (await VersionAsync("things"), await VersionAsync("things oldest")));
        await Schema().RequireKnownVersionAsync(Database.Source, default);
    }

    [Fact]
    public void Oldest_version_is_printed_before_the_migrations() => Assert.Equal(
        [
            "DELETE FROM adcp_schema_versions WHERE table_name = 'things oldest'",
            "INSERT INTO adcp_schema_versions (table_name, version) VALUES ('things oldest', 2)",
            .. Creation(2).Statements,
            .. Creation(3).Statements,
            "UPDATE adcp_schema_versions SET version = 3 WHERE table_name = 'things'",
        ],
        Schema(false, true).StatementsFrom(1));

    /// <param name="waiting">Counts the migrations that wait for their lock.</param>
    private protected async Task WaitWithoutHoldingUpOthersAsync(string waiting)
    {
        await Schema().ApplyAsync(Database.Source);
        await using DbConnection backup = await Database.Source.OpenConnectionAsync();
        Task<int> migration;
        await using (DbTransaction transaction = await BeginBackupAsync(backup))
        {
            migration = Extended(TimeProvider.System).ApplyAsync(Database.Source);
            while (await Database.CountAsync(waiting) == 0)
            {
                Assert.False(migration.IsCompleted);
            }

            // Behind a migration that waits for as long as the backup takes, this would end by the driver's time-out.
            await Database.ExecuteAsync("INSERT INTO things1 VALUES (1)");
            Assert.False(migration.IsCompleted);
        }

        Assert.Equal(1, await migration);
        await Database.ExecuteAsync("INSERT INTO things1 (a, b) VALUES (1, 2)");
    }

    private protected async Task GiveUpAfterAMinuteAsync()
    {
        await Schema().ApplyAsync(Database.Source);
        FakeTimeProvider time = new();
        await using DbConnection backup = await Database.Source.OpenConnectionAsync();
        await using (DbTransaction transaction = await BeginBackupAsync(backup))
        {
            Task<int> migration = Extended(time).ApplyAsync(Database.Source);
            await time.RunUntilAsync(() => migration.IsCompleted);

            TimeoutException fault = await Assert.ThrowsAsync<TimeoutException>(() => migration);
            Assert.Contains("'things'", fault.Message, StringComparison.Ordinal);
            Assert.Contains("backup", fault.Message, StringComparison.Ordinal);
            Assert.IsAssignableFrom<DbException>(fault.InnerException);
        }

        // Nothing is kept: neither the lock of other processes nor a part of the migration.
        Assert.Equal(1, await Extended(TimeProvider.System).ApplyAsync(Database.Source));
    }

    private static async Task<DbTransaction> BeginBackupAsync(DbConnection connection)
    {
        DbTransaction transaction = await connection.BeginTransactionAsync();
        await using DbCommand read = connection.CreateCommand();
        read.Transaction = transaction;
        read.CommandText = "SELECT COUNT(*) FROM things1";
        await read.ExecuteScalarAsync();
        return transaction;
    }

    /// <summary>Returns a schema whose second version changes the table of the first one.</summary>
    private SqlSchema Extended(TimeProvider time) =>
        new(Dialect, "things", Creation(1), new SqlMigration("ALTER TABLE things1 ADD COLUMN b INTEGER")) { Time = time };

    private static SqlMigration Creation(int version) => new($"CREATE TABLE IF NOT EXISTS things{version} (a INTEGER)");

    /// <summary>Returns a schema of one version more than the number of values, which say whether a migration is compatible.</summary>
    private SqlSchema Schema(params bool[] compatible)
    {
        SqlMigration[] migrations =
        [
            Creation(1), .. compatible.Select(static (value, i) => Creation(i + 2) with { IsBackwardCompatible = value }),
        ];
        return new SqlSchema(Dialect, "things", migrations);
    }

    /// <summary>Returns the version in a row; 0 if there is none.</summary>
    private async Task<int> VersionAsync(string row) =>
        (int)await Database.CountAsync($"SELECT COALESCE(SUM(version), 0) FROM adcp_schema_versions WHERE table_name = '{row}'");
}
