using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The contract through PgBouncer in transaction mode: each transaction may run on another session.</summary>
[Needs(Resource.PgBouncer)]
public sealed class PgBouncerOutboxStoreTests : PostgreSqlOutboxStoreContract
{
    private protected override Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreatePooledAsync();
}

[Needs(Resource.PgBouncer)]
public sealed class PgBouncerOutboxEndToEndTests() : OutboxEndToEndContract(SqlDialect.PostgreSql)
{
    private protected override Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreatePooledAsync();
}
