using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class SqliteOutboxSchemaTests() : OutboxSchemaTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxSchemaTests() : OutboxSchemaTests(SqlDialect.PostgreSql);

/// <summary>The tables of an outbox without an outbox.</summary>
public abstract class OutboxSchemaTests(SqlDialect dialect) : DatabaseTests(dialect)
{
    [Fact]
    public async Task Tables_are_created_once_and_reported_with_their_version()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect));

        int before = await schema.GetVersionAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await schema.CheckAsync(TestContext.Current.CancellationToken));
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await schema.CheckAsync(TestContext.Current.CancellationToken);

        Assert.Equal(
            (0, schema.Version), (before, await schema.GetVersionAsync(TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Printed_statements_make_the_same_tables()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect), "printed_");

        foreach (string statement in schema.GetStatements())
        {
            await Database.ExecuteAsync(statement);
        }

        await schema.CheckAsync(TestContext.Current.CancellationToken);
        Assert.Equal(schema.Version, await schema.GetVersionAsync(TestContext.Current.CancellationToken));
        Assert.Empty(schema.GetStatements(schema.Version));
        Assert.Throws<ArgumentOutOfRangeException>(() => schema.GetStatements(schema.Version + 1));
    }

    [Fact]
    public async Task Newer_tables_are_reported_and_refused()
    {
        OutboxSchema schema = new(new StoreDatabase(Database.Source, Dialect));
        await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken);
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 1");

        Assert.Equal(schema.Version + 1, await schema.GetVersionAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await schema.CheckAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await schema.CreateIfAbsentAsync(TestContext.Current.CancellationToken));
    }
}
