using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot.Testing;
using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>
/// The tests of a generated store of push configurations, the same on every database: the contract, and those that look into the table.
/// </summary>
public abstract class PushConfigStoreTests(SqlDialect dialect) : PushConfigStoreContract, IAsyncDisposable
{
    private const string Url = "https://buyer.example/a2a?key=in-the-url";

    private StoreBench? _bench;

    public static TheoryData<string> Contract { get; } = [.. Rules];

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_bench is not null)
        {
            await _bench.DisposeAsync();
        }
    }

    protected override async ValueTask<IPushNotificationConfigStore> OpenAsync(int maxPerTask, CancellationToken cancellationToken)
    {
        _bench ??= await CreateAsync(dialect, pushOptions: PushOptions with { MaxPerTask = maxPerTask });
        return _bench.Push;
    }

    protected override async ValueTask AddTaskAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) =>
        await _bench!.AddAsync(scope, Task1(taskId));

    protected override async ValueTask DeleteTaskAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) =>
        Assert.True(await _bench!.Tasks.DeleteAsync(scope, taskId, cancellationToken));

    [Fact]
    public async Task Url_of_a_host_with_a_private_address_is_refused_and_not_repeated()
    {
        const string Inside = "https://inside.example/secret-path";
        await using StoreBench bench = await WithTaskAsync();
        PushConfig config = new() { TaskId = "t1", Url = Inside };

        Assert.Equal(new PushConfigSave(PushConfigSaveStatus.DestinationRefused, null), await bench.Push.SaveAsync(Alice, config));

        Assert.Empty(await bench.Push.ListAsync(Alice, "t1"));
        Assert.DoesNotContain(Inside, config.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_are_not_in_the_table_and_no_two_are_alike()
    {
        await using StoreBench bench = await WithTaskAsync();
        await bench.Push.SaveAsync(Alice, Config("p1"));
        await bench.Push.SaveAsync(Alice, Config("p2"));
        string[] tokens = await ColumnAsync(bench, "token");
        string[] credentials = await ColumnAsync(bench, "auth_credentials");
        Assert.Equal(4, tokens.Concat(credentials).Distinct().Count());
        Assert.All(tokens.Concat(credentials), static text =>
        {
            Assert.StartsWith("v1:k1:", text, StringComparison.Ordinal);
            Assert.DoesNotContain("of-client", text, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("UPDATE a2a_push_configs SET token = (SELECT token FROM (SELECT * FROM a2a_push_configs) AS o WHERE url LIKE '%two%') "
        + "WHERE url LIKE '%one%'")]
    [InlineData("UPDATE a2a_push_configs SET token = auth_credentials WHERE url LIKE '%one%'")]
    [InlineData("UPDATE a2a_push_configs SET url = 'https://thief.example/' WHERE url LIKE '%one%'")]
    [InlineData("UPDATE a2a_push_configs SET token = 'v1:k1:AAAA' WHERE url LIKE '%one%'")]
    [InlineData("UPDATE a2a_push_configs SET token = 'clear' WHERE url LIKE '%one%'")]
    public async Task Secret_moved_or_changed_in_the_table_is_not_read(string tamper)
    {
        await using StoreBench bench = await WithTaskAsync();
        await bench.Push.SaveAsync(Alice,
            new PushConfig
            {
                TaskId = "t1",
                Id = "one",
                Url = "https://one.example/",
                Token = "token-one",
                AuthenticationCredentials = "credentials-one"
            });
        await bench.Push.SaveAsync(Alice, new PushConfig { TaskId = "t1", Id = "two", Url = "https://two.example/", Token = "token-two" });
        await bench.Database.ExecuteAsync(tamper);
        CryptographicException refusal =
            await Assert.ThrowsAsync<CryptographicException>(async () => await bench.Push.GetAsync(Alice, "t1", "one"));
        Assert.DoesNotContain("token-", refusal.ToString(), StringComparison.Ordinal);
        Assert.Equal("token-two", (await bench.Push.GetAsync(Alice, "t1", "two"))!.Token);
    }

    [Fact]
    public async Task Old_key_reads_after_rotation_and_a_save_moves_to_the_new_one()
    {
        await using StoreBench bench = await WithTaskAsync();
        await bench.Push.SaveAsync(Alice, Config("p1"));
        EncryptionKey next = new("k2", RandomNumberGenerator.GetBytes(32));
        TestPushConfigs rotated = new(bench.Database.Source, dialect,
            PushOptions with { Secrets = SecretsAtRest.EncryptedWith(next, Key) });
        PushConfig read = (await rotated.GetAsync(Alice, "t1", "p1"))!;
        Assert.Equal("token-of-client", read.Token);
        await rotated.SaveAsync(Alice, read);
        Assert.StartsWith("v1:k2:", Assert.Single(await ColumnAsync(bench, "token")), StringComparison.Ordinal);
        TestPushConfigs without = new(bench.Database.Source, dialect, PushOptions);
        Assert.Contains("'k2'", (await Assert.ThrowsAsync<CryptographicException>(async () =>
            await without.GetAsync(Alice, "t1", "p1"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_kept_out_are_neither_stored_nor_given_back()
    {
        await using StoreBench bench = await WithTaskAsync(PushOptions with { Secrets = SecretsAtRest.KeptOut });
        PushConfig saved = (await bench.Push.SaveAsync(Alice, Config("p1"))).Config!;
        Assert.Equal(("t1", "p1", Url, null, "Bearer", null, true), Parts(saved));
        Assert.Equal(Parts(saved), Parts((await bench.Push.GetAsync(Alice, "t1", "p1"))!));
        Assert.Equal([""], await ColumnAsync(bench, "token"));
    }

    private static (string TaskId, string? Id, string Url, string? Token, string? Scheme, string? Credentials,
        bool IsActive) Parts(PushConfig config) =>
        (config.TaskId, config.Id, config.Url, config.Token, config.AuthenticationScheme, config.AuthenticationCredentials,
            config.IsActive);

    private static PushConfig Config(string? id) => new()
    {
        TaskId = "t1",
        Id = id,
        Url = Url,
        Token = "token-of-client",
        AuthenticationScheme = "Bearer",
        AuthenticationCredentials = "credentials-of-client",
    };

    private static async Task<string[]> ColumnAsync(StoreBench bench, string column)
    {
        await using DbCommand command = bench.Database.Source.CreateCommand($"SELECT {column} FROM a2a_push_configs");
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        List<string> values = [];
        while (await reader.ReadAsync())
        {
            values.Add(reader.IsDBNull(0) ? "" : reader.GetString(0));
        }

        return [.. values];
    }

    private async Task<StoreBench> WithTaskAsync(PushNotificationConfigStoreOptions? options = null)
    {
        StoreBench bench = await CreateAsync(dialect, pushOptions: options);
        await bench.AddAsync(Alice, Task1("t1"));
        return bench;
    }
}

public sealed class SqlitePushConfigStoreTests() : PushConfigStoreTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlPushConfigStoreTests() : PushConfigStoreTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlPushConfigStoreTests() : PushConfigStoreTests(SqlDialect.MySql);
