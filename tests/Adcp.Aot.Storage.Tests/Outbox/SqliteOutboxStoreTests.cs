using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class SqliteOutboxStoreTests : OutboxStoreContract
{
    private readonly List<OutboxStore> _opened = [];

    private protected override SqlDialect Dialect => SqlDialect.Sqlite;

    public override async ValueTask DisposeAsync()
    {
        foreach (OutboxStore store in _opened)
        {
            await store.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    private protected override OutboxStore Open(DbDataSource source, OutboxTables tables)
    {
        SqliteOutboxStore store = new(new StoreDatabase(source, SqlDialect.Sqlite), tables);
        _opened.Add(store);
        return store;
    }

    private protected override async Task MakeSchemaNewerAsync()
    {
        await Database.ExecuteAsync($"UPDATE {Tables.Meta} SET format = format + 1");
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 1");
    }
}
