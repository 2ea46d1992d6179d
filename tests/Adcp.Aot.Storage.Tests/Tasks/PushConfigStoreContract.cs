using System.Data.Common;
using System.Security.Cryptography;
using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>The contract of a generated store of push configurations, the same on every database.</summary>
public abstract class PushConfigStoreContract(SqlDialect dialect)
{
    private const string Url = "https://buyer.example/a2a?key=in-the-url";

    [Fact]
    public async Task What_was_saved_is_read_with_its_secrets()
    {
        await using StoreBench bench = await WithTaskAsync();
        PushConfig saved = Config("p1");
        PushConfigSave save = await bench.Push.SaveAsync(Alice, saved);
        Assert.Equal(PushConfigSaveStatus.Saved, save.Status);
        PushConfig read = (await bench.Push.GetAsync(Alice, "t1", "p1"))!;
        Assert.Equal(("t1", "p1", Url, "token-of-client", "Bearer", "credentials-of-client", true), Parts(read));
        Assert.Equal(Parts(read), Parts(save.Config!));
    }

    [Fact]
    public async Task Server_picks_an_id_and_writes_it_back()
    {
        await using StoreBench bench = await WithTaskAsync();
        PushConfig first = (await bench.Push.SaveAsync(Alice, Config(null))).Config!;
        PushConfig second = (await bench.Push.SaveAsync(Alice, Config(""))).Config!;
        Assert.NotEqual(first.Id, second.Id);
        Assert.NotNull(await bench.Push.GetAsync(Alice, "t1", first.Id!));
        Assert.True(await bench.Push.DeleteAsync(Alice, "t1", second.Id!));
        Assert.Equal([first.Id], (await bench.Push.ListAsync(Alice, "t1")).Select(static config => config.Id));
    }

    [Fact]
    public async Task Save_of_an_id_that_exists_replaces_it()
    {
        await using StoreBench bench = await WithTaskAsync();
        await bench.Push.SaveAsync(Alice, Config("p1"));
        await bench.Push.SaveAsync(Alice, new PushConfig { TaskId = "t1", Id = "p1", Url = "https://other.example/" });
        Assert.Equal(("t1", "p1", "https://other.example/", null, null, null, true),
            Parts(Assert.Single(await bench.Push.ListAsync(Alice, "t1"))));
    }

    [Fact]
    public async Task Foreign_configuration_looks_missing_to_every_call()
    {
        await using StoreBench bench = await WithTaskAsync();
        await bench.Push.SaveAsync(Alice, Config("p1"));
        Assert.Equal(PushConfigSaveStatus.TaskMissing, (await bench.Push.SaveAsync(Bob, Config("p1"))).Status);
        await bench.AddAsync(Bob, Task1("t1"));
        Assert.Null(await bench.Push.GetAsync(Bob, "t1", "p1"));
        Assert.Empty(await bench.Push.ListAsync(Bob, "t1"));
        Assert.False(await bench.Push.SetActiveAsync(Bob, "t1", "p1", false));
        Assert.False(await bench.Push.DeleteAsync(Bob, "t1", "p1"));
        Assert.Equal("token-of-client", (await bench.Push.GetAsync(Alice, "t1", "p1"))!.Token);
    }

    [Fact]
    public async Task Configuration_needs_its_task()
    {
        await using StoreBench bench = await WithTaskAsync();
        Assert.Equal(
            new PushConfigSave(PushConfigSaveStatus.TaskMissing, null),
            await bench.Push.SaveAsync(Alice, new PushConfig { TaskId = "t2", Url = Url }));
    }

    [Theory]
    [InlineData("http://buyer.example/")]
    [InlineData("https://inside.example/secret-path")]
    [InlineData("https://169.254.169.254/")]
    [InlineData("https://127.0.0.1/")]
    [InlineData("https://user:word@buyer.example/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("")]
    public async Task Url_that_the_guard_refuses_is_not_stored_and_not_repeated(string url)
    {
        await using StoreBench bench = await WithTaskAsync();
        PushConfig config = new() { TaskId = "t1", Url = url };
        Assert.Equal(new PushConfigSave(PushConfigSaveStatus.DestinationRefused, null), await bench.Push.SaveAsync(Alice, config));
        Assert.Empty(await bench.Push.ListAsync(Alice, "t1"));
        Assert.True(url.Length == 0 || !config.ToString().Contains(url, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_task_has_a_bounded_number_of_configurations()
    {
        await using StoreBench bench = await WithTaskAsync(PushOptions with { MaxPerTask = 2 });
        await bench.Push.SaveAsync(Alice, Config("p1"));
        await bench.Push.SaveAsync(Alice, Config("p2"));
        Assert.Equal(new PushConfigSave(PushConfigSaveStatus.TooMany, null), await bench.Push.SaveAsync(Alice, Config("p3")));
        Assert.Equal(PushConfigSaveStatus.Saved, (await bench.Push.SaveAsync(Alice, Config("p2"))).Status);
        await bench.AddAsync(Alice, Task1("t2"));
        Assert.Equal(PushConfigSaveStatus.Saved, (await bench.Push.SaveAsync(Alice, new PushConfig { TaskId = "t2", Url = Url })).Status);
    }

    [Fact]
    public async Task Inactive_configurations_are_left_out_for_senders()
    {
        await using StoreBench bench = await WithTaskAsync();
        await bench.Push.SaveAsync(Alice, Config("p1"));
        await bench.Push.SaveAsync(Alice, Config("p2"));
        Assert.True(await bench.Push.SetActiveAsync(Alice, "t1", "p1", false));
        Assert.True(await bench.Push.SetActiveAsync(Alice, "t1", "p1", false));
        Assert.Equal(["p2"], (await bench.Push.ListAsync(Alice, "t1", activeOnly: true)).Select(static config => config.Id));
        Assert.Equal([false, true], (await bench.Push.ListAsync(Alice, "t1")).Select(static config => config.IsActive));
        Assert.True(await bench.Push.SetActiveAsync(Alice, "t1", "p1", true));
        Assert.Equal(2, (await bench.Push.ListAsync(Alice, "t1", activeOnly: true)).Count);
        Assert.False(await bench.Push.SetActiveAsync(Alice, "t1", "p3", true));
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

    [Fact]
    public async Task Save_racing_the_tasks_delete_leaves_no_orphan()
    {
        await using StoreBench bench = await WithTaskAsync();
        for (int round = 0; round < 15; round++)
        {
            string id = $"r{round}";
            await bench.AddAsync(Alice, Task1(id));
            Task<PushConfigSave>[] saves =
                [.. Enumerable.Range(0, 3).Select(_ =>
                    Task.Run(async () => await bench.Push.SaveAsync(Alice, new PushConfig { TaskId = id, Url = Url })))];
            Task<bool> delete = Task.Run(async () => await bench.Tasks.DeleteAsync(Alice, id));
            Assert.True(await delete);
            Assert.All(await Task.WhenAll(saves), static save =>
                Assert.True(save.Status is PushConfigSaveStatus.Saved or PushConfigSaveStatus.TaskMissing));
            Assert.Empty(await bench.Push.ListAsync(Alice, id));
        }
    }

    [Fact]
    public async Task Id_that_cannot_be_stored_is_missing()
    {
        await using StoreBench bench = await WithTaskAsync();
        Assert.Null(await bench.Push.GetAsync(Alice, "t1", ""));
        Assert.Null(await bench.Push.GetAsync(Alice, "t\0", "p1"));
        Assert.Empty(await bench.Push.ListAsync(Alice, "\ud800"));
        Assert.False(await bench.Push.DeleteAsync(Alice, "t1", new string('x', 256)));
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

public sealed class SqlitePushConfigStoreTests() : PushConfigStoreContract(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlPushConfigStoreTests() : PushConfigStoreContract(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlPushConfigStoreTests() : PushConfigStoreContract(SqlDialect.MySql);
