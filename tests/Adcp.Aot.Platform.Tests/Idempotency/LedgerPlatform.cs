using System.Data.Common;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>A seller whose media buys are rows of a database, each with the key of its request.</summary>
[AdcpPlatform(typeof(TestJson))]
internal sealed partial class LedgerPlatform(DbDataSource source) : IRequestReconciler
{
    private readonly DbDataSource _source = source;

    /// <summary>Gets a source whose commits may lose their answers.</summary>
    public DbDataSource Commits { get; init; } = source;

    /// <summary>Runs at a point of the tool: <c>begun</c>, <c>committed</c>, <c>handed off</c>.</summary>
    public Func<string, Task> At { get; init; } = _ => Task.CompletedTask;

    /// <summary>Gets whether the tool keeps its answer in its transaction.</summary>
    public bool KeepsAnswer { get; init; }

    /// <summary>Gets whether the seller finds its commits.</summary>
    public bool Knows { get; init; } = true;

    public static async Task CreateAsync(DbDataSource source)
    {
        await using DbCommand command = source.CreateCommand("CREATE TABLE ledger (id VARCHAR(64) PRIMARY KEY, request VARCHAR(255))");
        await command.ExecuteNonQueryAsync();
    }

    [AdcpTool("create_media_buy")]
    public async ValueTask<ToolOutcome<BuyResponse>> CreateMediaBuyAsync(BuyRequest request, ToolCall call)
    {
        await At("begun");
        BuyResponse response = new("mb_" + Guid.NewGuid().ToString("N"));
        await using (DbConnection connection = await Commits.OpenConnectionAsync())
        await using (DbTransaction transaction = await connection.BeginTransactionAsync())
        {
            await using DbCommand insert = connection.CreateCommand();
            insert.Transaction = transaction;
            insert.CommandText = $"INSERT INTO ledger VALUES ('{response.MediaBuyId}', '{call.IdempotencyKey}')";
            await insert.ExecuteNonQueryAsync();
            if (KeepsAnswer)
            {
                await call.KeepAnswerAsync(response, TestJson.Default.BuyResponse, transaction);
            }

            await transaction.CommitAsync();
        }

        await At("committed");
        if (request.Plan != "later")
        {
            return response;
        }

        HandedOff task = await call.HandOffAsync();
        await At("handed off");
        return task;
    }

    public async ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken)
    {
        if (!Knows)
        {
            return KeepsAnswer ? Reconciliation.NotCommitted : Reconciliation.Unknown;
        }

        await using DbCommand command =
            _source.CreateCommand($"SELECT id FROM ledger WHERE request = '{request.IdempotencyKey}'");
        return await command.ExecuteScalarAsync(cancellationToken) is string id
            ? Reconciliation.Committed(new BuyResponse(id), TestJson.Default.BuyResponse)
            : Reconciliation.NotCommitted;
    }

    /// <summary>Wires the seller over stores in its database.</summary>
    public static PlatformOptions Options(DbDataSource source, SqlDialect dialect)
    {
        SecretsAtRest secrets = SecretsAtRest.EncryptedWith(new EncryptionKey("k1", new byte[EncryptionKey.SizeInBytes]));
        return new PlatformOptions
        {
            Version = AdcpVersion.V32,
            AcceptsPushConfigs = false,
            Tasks = new SqlTaskRegistry(source, dialect, secrets),
            Idempotency = new SqlIdempotencyStore(source, dialect, new IdempotencyStoreOptions { Secrets = secrets }),
        };
    }
}
