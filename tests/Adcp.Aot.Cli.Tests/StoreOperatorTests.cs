using System.Text.Json;
using System.Text.RegularExpressions;
using Adcp.Aot.AspNetCore.Tests.Operations;
using Adcp.Aot.Operations;
using Adcp.Aot.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Adcp.Aot.Cli.Tests;

/// <summary>The operator's commands against a file of SQLite, beside the worker that owns its lanes.</summary>
public sealed class StoreOperatorTests : IAsyncLifetime
{
    private readonly Folder _folder = new();
    private OperatedOutbox _operated = null!;
    private string _key = null!;

    public async ValueTask InitializeAsync()
    {
        _operated = await OperatedOutbox.StartAsync();
        _key = "k1=" + Secret("outbox.key", Convert.ToBase64String(_operated.EncryptionKey) + "\n");
    }

    public async ValueTask DisposeAsync()
    {
        await _operated.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Status_and_workers_show_the_store_and_nothing_of_a_process()
    {
        await _operated.KillAsync(2);
        await OperatedOutbox.UntilAsync(async () => (await _operated.Outbox.GetStatusAsync()).UnownedLanes == 0);

        Cli.Result status = await RunAsync("status");
        Cli.Result json = await RunAsync("status", "--json");
        Cli.Result workers = await RunAsync("workers");

        Assert.Equal((0, 0, 0), (status.ExitCode, json.ExitCode, workers.ExitCode));
        Assert.Matches("dead: rejected +2", status.Output);
        Assert.DoesNotContain("circuits", status.Output, StringComparison.Ordinal);
        Assert.Equal(2, json.Json.GetProperty("dead_letters").GetInt64());
        Assert.False(json.Json.TryGetProperty("open_endpoints", out _));
        Assert.Matches("worker-of-the-test +64 +.* +working", workers.Output);
    }

    [Fact]
    public async Task The_store_prints_the_same_as_the_page()
    {
        IReadOnlyList<DeadLetter> letters = await _operated.KillAsync(3);
        string id = $"{letters[0].Id}";
        string key = letters[0].IdempotencyKey!;
        string[][] verbs =
        [
            ["dead-letters", "list"], ["dead-letters", "list", "--json", "--tenant", "acme", "--endpoint", letters[0].EndpointId],
            ["dead-letters", "count", "--dead-reason", "rejected"], ["dead-letters", "show", id], ["dead-letters", "show", "99999999"],
        ];

        foreach (string[] verb in verbs)
        {
            Cli.Result page = await RunOnPageAsync(verb);
            Cli.Result store = await RunAsync([.. verb, "--encryption-key-file", _key]);

            Assert.Equal(page, store);
        }

        Cli.Result story = await RunOnPageAsync("delivery", key);
        Cli.Result known = await RunAsync("delivery", key, "--encryption-key-file", _key);
        Assert.Equal((0, 0), (story.ExitCode, known.ExitCode));
        Assert.Matches("attempt +.* failure", story.Output);
        Assert.Matches("tenant +acme", known.Output);
        Assert.DoesNotMatch("attempt +.* failure", known.Output);
        Assert.Matches($"dead +.* rejected, dead letter {id}", known.Output);
    }

    [Fact]
    public async Task Without_the_encryption_key_a_dead_letter_is_listed_and_its_webhook_is_unknown()
    {
        IReadOnlyList<DeadLetter> letters = await _operated.KillAsync(1);

        Cli.Result one = await RunAsync("dead-letters", "show", $"{letters[0].Id}");
        Cli.Result story = await RunAsync("delivery", letters[0].IdempotencyKey!);
        Cli.Result unknown = await RunAsync("delivery", "another-key");
        Cli.Result halfId = await RunAsync("delivery", "any", "--delivery-id", "acme task_0");
        Cli.Result byId = await RunAsync("delivery", "any", "--tenant", "acme", "--delivery-id", "acme task_0");
        Cli.Result otherKey = await RunAsync(
            "dead-letters", "show", $"{letters[0].Id}", "--encryption-key-file", "k2" + _key["k1".Length..]);

        Assert.All([one, story, byId, otherKey], static result => Assert.True(result.ExitCode == 0, result.Errors));
        Assert.Equal((1, 2), (unknown.ExitCode, halfId.ExitCode));
        Assert.Matches("reason +rejected", one.Output);
        Assert.Matches("key +-", one.Output);
        Assert.Matches($"dead +.* rejected, dead letter {letters[0].Id}", story.Output);
        Assert.DoesNotContain("acme", story.Output, StringComparison.Ordinal);
        Assert.Contains("--encryption-key-file", unknown.Errors, StringComparison.Ordinal);
        Assert.Contains("--delivery-id needs --tenant", halfId.Errors, StringComparison.Ordinal);
        Assert.Matches("state +undelivered", byId.Output);
        Assert.Matches("key +-", otherKey.Output);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_redrive_of_the_store_is_delivered_by_its_worker_and_recorded(bool hasKey)
    {
        await _operated.KillAsync(3);
        int before = _operated.Receiver.Requests.Count;
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        string[] key = hasKey ? ["--encryption-key-file", _key] : [];

        Cli.Result dry = await RunAsync(["dead-letters", "redrive", "--all", "--dry-run", .. key]);
        bool changed = (await _operated.Outbox.GetStatusAsync()).Dead != 3;
        Cli.Result job = await RunAsync(
            ["dead-letters", "redrive", "--tenant", "acme", "--rate", "1000", "--reason", "buyer is back", "--json", .. key]);
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Waiting: 0, Dead: 0 });

        Assert.Equal((0, 0), (dry.ExitCode, job.ExitCode));
        Assert.False(changed);
        Assert.Matches("would be redriven +3", dry.Output);
        Assert.Equal(3, job.Json.GetProperty("report").GetProperty("redriven").GetInt32());
        Assert.Equal(before + 3, _operated.Receiver.Requests.Count);
        Assert.Equal("", dry.Errors);
        Assert.Matches(
            $"redrive on job 1: dead letters with tenant acme by {Regex.Escape(Environment.UserName)}. Reason: buyer is back", job.Errors);
    }

    [Fact]
    public async Task A_redrive_with_new_keys_needs_the_encryption_key()
    {
        await _operated.KillAsync(1);

        Cli.Result refused = await RunAsync("dead-letters", "redrive", "--all", "--allow-new-key");
        Cli.Result counted = await RunAsync(
            "dead-letters", "redrive", "--all", "--allow-new-key", "--dry-run", "--encryption-key-file", _key);

        Assert.Equal((2, 0), (refused.ExitCode, counted.ExitCode));
        Assert.Contains("--encryption-key-file", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dead_letters_of_the_store_are_discarded()
    {
        IReadOnlyList<DeadLetter> letters = await _operated.KillAsync(2);

        Cli.Result dry = await RunAsync("dead-letters", "discard", "--all", "--dry-run");
        Cli.Result one = await RunAsync("dead-letters", "discard", "--id", $"{letters[0].Id}", "--reason", "junk");

        Assert.Equal((0, 0), (dry.ExitCode, one.ExitCode));
        Assert.Matches("would be discarded +2", dry.Output);
        Assert.Contains("Operator action discard", one.Errors, StringComparison.Ordinal);
        Assert.Equal(letters[1].Id, Assert.Single(await _operated.Outbox.DeadLetters.ListAsync()).Id);
    }

    [Fact]
    public async Task An_endpoint_of_the_store_is_isolated_listed_and_reset_for_its_worker()
    {
        string id = (await _operated.KillAsync(1))[0].EndpointId;
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        string[] key = ["--encryption-key-file", _key];

        Cli.Result none = await RunAsync(["endpoints", .. key]);
        Cli.Result isolated = await RunAsync(["isolate", id, "--reason", "buyer is down", .. key]);
        await OperatedOutbox.UntilAsync(() => Task.FromResult(_operated.Worker.Endpoints.OpenCircuits == 1));
        await _operated.Outbox.EnqueueAsync(null, [_operated.Item("task_9")]);
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 1 });
        int before = _operated.Receiver.Count;
        Cli.Result endpoints = await RunAsync("endpoints");
        Cli.Result json = await RunAsync("endpoints", "--json", "--state", "isolated");
        Cli.Result status = await RunAsync("status");
        Cli.Result reset = await RunAsync("reset", id);
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });
        Cli.Result unknown = await RunAsync("isolate", "0123456789abcdef");

        Assert.Equal((0, 0, 0, 0, 1, 1), (none.ExitCode, isolated.ExitCode, endpoints.ExitCode, reset.ExitCode, status.ExitCode,
            unknown.ExitCode));
        Assert.DoesNotContain(id, none.Output, StringComparison.Ordinal);
        Assert.Matches($"{id} +isolated +acme http://127.0.0.1:[0-9]+/hook", isolated.Output);
        Assert.Contains($"isolate on acme http://127.0.0.1:", isolated.Errors, StringComparison.Ordinal);
        Assert.Matches($"{id} +isolated .*by {Regex.Escape(Environment.UserName)}: buyer is down +acme http://127.0.0.1", endpoints.Output);
        Assert.Equal("buyer is down", json.Json.GetProperty("isolation").GetProperty("reason").GetString());
        Assert.Matches("isolated +1", status.Output);
        Assert.Equal(before + 1, _operated.Receiver.Count);
        Assert.Contains("0123456789abcdef", unknown.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deliveries_of_the_store_are_paused_and_resumed()
    {
        Cli.Result paused = await RunAsync("pause", "--reason", "incident 7");
        await OperatedOutbox.UntilAsync(() => Task.FromResult(_operated.Log.Lines.Any(
            static line => line.Contains("paused", StringComparison.Ordinal))));
        await _operated.Outbox.EnqueueAsync(null, [_operated.Item("task_9")]);
        Cli.Result status = await RunAsync("status");
        int before = _operated.Receiver.Count;
        Cli.Result resumed = await RunAsync("resume", "--json");
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Assert.Equal((0, 1, 0), (paused.ExitCode, status.ExitCode, resumed.ExitCode));
        Assert.Matches($"paused +since .* by {Regex.Escape(Environment.UserName)}: incident 7", paused.Output);
        Assert.Matches("paused +since", status.Output);
        Assert.False(resumed.Json.TryGetProperty("pause", out _));
        Assert.Equal((0, 1), (before, _operated.Receiver.Count));
    }

    [Fact]
    public async Task An_action_on_the_store_is_appended_to_the_action_log()
    {
        IReadOnlyList<DeadLetter> letters = await _operated.KillAsync(5);
        string file = _folder["actions.jsonl"];

        await RunAsync("dead-letters", "discard", "--all", "--dry-run", "--action-log", file);
        Cli.Result first = await RunAsync(
            "dead-letters", "discard", "--id", $"{letters[0].Id}", "--reason", "junk", "--action-log", file);
        Cli.Result second = await RunAsync("dead-letters", "discard", "--id", $"{letters[1].Id}", "--action-log", file);
        Cli.Result[] together = await Task.WhenAll(letters.Skip(2).Select(
            letter => RunAsync("dead-letters", "discard", "--id", $"{letter.Id}", "--action-log", file)));
        Cli.Result refused = await RunAsync("dead-letters", "discard", "--all", "--action-log", _folder["none/actions.jsonl"]);
        Cli.Result misplaced = await RunOnPageAsync("dead-letters", "discard", "--all", "--action-log", file);

        Assert.Equal((0, 0, 2, 2), (first.ExitCode, second.ExitCode, refused.ExitCode, misplaced.ExitCode));
        Assert.All(together, static result => Assert.Equal(0, result.ExitCode));
        Assert.Contains("--action-log", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("--action-log goes with --store", misplaced.Errors, StringComparison.Ordinal);
        JsonElement[] lines = [.. (await File.ReadAllLinesAsync(file)).Select(static line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(5, lines.Length);
        Assert.Equal(
            ("discard", Environment.UserName, "junk"),
            (Text(lines[0], "action"), Text(lines[0], "actor"), Text(lines[0], "reason")));
        Assert.Contains($"{letters[1].Id}", Text(lines[1], "target"), StringComparison.Ordinal);
        Assert.False(lines[1].TryGetProperty("reason", out _));

        static string Text(JsonElement line, string name) => line.GetProperty(name).GetString()!;
    }

    [Fact]
    public async Task Attempts_of_a_sinks_table_are_printed_as_those_of_the_page()
    {
        IReadOnlyList<DeadLetter> letters = await _operated.KillAsync(12);
        await AddAttemptsAsync(await RunOnPageAsync("attempts", "--json"));
        string key = letters[3].IdempotencyKey!;
        string[][] verbs =
        [
            [], ["--json"], ["--limit", "5"], ["--idempotency-key", key], ["--task-id", "task_7", "--json"], ["--outcome", "success"],
            ["--since", DateTimeOffset.UtcNow.AddMinutes(-5).ToString("O"), "--outcome", "failure"], ["--until", "2026-01-31T12:00:00Z"],
        ];

        foreach (string[] verb in verbs)
        {
            Cli.Result page = await RunOnPageAsync(["attempts", .. verb]);
            Cli.Result store = await RunAsync(["attempts", "--attempt-table", "webhook_delivery_log", .. verb]);

            Assert.Equal(0, store.ExitCode);
            Assert.Equal(page, store);
        }

        Cli.Result story = await RunAsync("delivery", key, "--attempt-table", "webhook_delivery_log", "--encryption-key-file", _key);
        Assert.Matches("attempt +.* failure", story.Output);
        Assert.Matches($"dead +.* rejected, dead letter {letters[3].Id}", story.Output);
    }

    [Fact]
    public async Task Attempts_are_read_from_a_database_without_an_outbox()
    {
        string file = _folder["audit.db"];
        await ExecuteAsync(file, AttemptTable);
        await ExecuteAsync(
            file,
            "INSERT INTO webhook_delivery_log (idempotency_key, outcome, attempt_number, max_attempts, url, breaker_key, occurred_at, "
            + "completed_at, is_attempt) VALUES ('key_1', 'failure', 1, 3, 'https://b.example/', 'https://b.example/', "
            + "'2026-01-31 12:00:00', '2026-01-31 12:00:01', 1)");

        Cli.Result rows = await Cli.RunAsync(["attempts", "--store", "sqlite:" + file, "--attempt-table", "main.webhook_delivery_log"]);
        Cli.Result missing = await Cli.RunAsync(["attempts", "--store", "sqlite:" + file, "--attempt-table", "none"]);

        Assert.Equal((0, 1), (rows.ExitCode, missing.ExitCode));
        Assert.Matches("2026-01-31 12:00:01.* failure +1/3 +- +key_1 +- +https://b.example/", rows.Output.Replace('T', ' '));
        Assert.Contains("Table 'none' cannot be read", missing.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("needs --attempt-table")]
    [InlineData("SqlDeliveryLog")]
    [InlineData("A table is", "--attempt-table", "a\"; DROP TABLE adcp_outbox_log; --")]
    [InlineData("A table is", "--attempt-table", "a.b.c")]
    public async Task Attempts_of_a_database_need_the_name_of_a_table(string message, params string[] options)
    {
        Cli.Result result = await RunAsync(["attempts", .. options]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Table_of_attempts_goes_with_a_database()
    {
        Cli.Result attempts = await RunOnPageAsync("attempts", "--attempt-table", "webhook_delivery_log");
        Cli.Result delivery = await RunOnPageAsync("delivery", "key", "--attempt-table", "webhook_delivery_log");

        Assert.Equal((2, 2), (attempts.ExitCode, delivery.ExitCode));
        Assert.Contains("--attempt-table, not both", attempts.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Actions_that_the_store_keeps_are_listed_with_actor_and_reason()
    {
        Cli.Result none = await RunAsync("actions");
        string id = (await _operated.KillAsync(1))[0].EndpointId;
        await RunOnPageAsync("isolate", id, "--reason", "buyer asked");
        await RunOnPageAsync("pause", "--reason", "incident 7");
        await RunOnPageAsync("reset", id, "--reason", "buyer is back");

        Cli.Result actions = await RunAsync("actions");
        Cli.Result json = await RunAsync("actions", "--json");

        Assert.Equal((0, 0, 0), (none.ExitCode, actions.ExitCode, json.ExitCode));
        Assert.Single(none.Output.Trim().Split('\n'));
        string[] lines = actions.Output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("reset +acme http://.*/hook +buyer is back", lines[1]);
        Assert.Matches("pause +all deliveries +incident 7", lines[2]);
        Assert.Contains("\"reason\":\"incident 7\"", json.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("needs --url of an operator page, or a database")]
    [InlineData("not both", "--url", "http://localhost/adcp", "--store", "sqlite:x.db")]
    [InlineData("not both", "--url", "http://localhost/adcp", "--encryption-key-file", "k=x")]
    [InlineData("--token-file goes with --url", "--store", "sqlite:x.db", "--token-file", "x")]
    [InlineData("ID=FILE", "--encryption-key-file", "outbox.key", "--store", "FILE")]
    [InlineData("cannot be read", "--encryption-key-file", "k=/no/such/file", "--store", "FILE")]
    [InlineData("32 bytes", "--encryption-key-file", "SHORT", "--store", "FILE")]
    [InlineData("table prefix", "--table-prefix", "1;", "--store", "FILE")]
    public async Task Options_that_do_not_fit_are_refused(string message, params string[] options)
    {
        Cli.Result result = await Cli.RunAsync(
            [
                "dead-letters", "list",
                .. options.Select(option => option switch
                {
                    "FILE" => "sqlite:" + _operated.DatabaseFile,
                    "SHORT" => "k=" + Secret("short.key", "c2hvcnQ="),
                    _ => option,
                }),
            ]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_without_the_tables_says_what_to_do_and_is_not_created()
    {
        Cli.Result absent = await Cli.RunAsync("status", "--store", "sqlite:" + _folder["none.db"]);
        File.WriteAllBytes(_folder["empty.db"], []);
        Cli.Result empty = await Cli.RunAsync("dead-letters", "redrive", "--all", "--store", "sqlite:" + _folder["empty.db"]);
        Cli.Result nobody = await Cli.RunAsync("status", "--store", "postgres:Host=127.0.0.1;Port=1;Username=u;Database=d");
        using Cli fromEnvironment = Cli.StartWithEnvironment(
            new Dictionary<string, string?> { ["ADCP_WEBHOOKS_STORE"] = "sqlite:" + _operated.DatabaseFile }, "status");
        Cli.Result found = await fromEnvironment.EndAsync();

        Assert.Equal((1, 1, 1, 0), (absent.ExitCode, empty.ExitCode, nobody.ExitCode, found.ExitCode));
        Assert.Contains("There is no file", absent.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["none.db"]));
        Assert.Contains("adcp-webhooks migrate", empty.Errors, StringComparison.Ordinal);
        Assert.Contains("postgres d at 127.0.0.1:1", nobody.Errors, StringComparison.Ordinal);
    }

    [Fact]
    [Needs(Resource.PostgreSql)]
    public async Task The_commands_work_on_postgresql()
    {
        string connection = Resources.Get(Resource.PostgreSql);
        string schema = "cli_" + Guid.NewGuid().ToString("N")[..12];
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(connection);
        await ExecuteAsync(source, $"CREATE SCHEMA {schema}");
        try
        {
            await using OperatedOutbox operated = await OperatedOutbox.StartAsync(
                postgreSql: NpgsqlDataSource.Create(connection), tablePrefix: schema + ".outbox_");
            string[] options =
            [
                "--store-file", _folder.Write("store", "postgres:" + connection + "\n"), "--table-prefix", schema + ".outbox_",
                "--encryption-key-file", "k1=" + _folder.Write("pg.key", Convert.ToBase64String(operated.EncryptionKey)),
            ];
            IReadOnlyList<DeadLetter> letters = await operated.KillAsync(3);
            operated.Receiver.Otherwise = ReceiverAnswer.Ok;

            Cli.Result status = await Cli.RunAsync(["status", .. options]);
            Cli.Result list = await Cli.RunAsync(["dead-letters", "list", "--tenant", "acme", "--json", .. options]);
            Cli.Result gone = await Cli.RunAsync(["dead-letters", "discard", "--id", $"{letters[0].Id}", .. options]);
            Cli.Result job = await Cli.RunAsync(["dead-letters", "redrive", "--all", .. options]);
            await OperatedOutbox.UntilAsync(async () => await operated.Outbox.GetStatusAsync() is { Waiting: 0, Dead: 0 });

            Assert.Equal((0, 0, 0, 0), (status.ExitCode, list.ExitCode, gone.ExitCode, job.ExitCode));
            Assert.Matches("dead: rejected +3", status.Output);
            Assert.Equal(
                letters.Select(static letter => letter.IdempotencyKey),
                list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("idempotency_key").GetString()));
            Assert.Matches("redriven +2", job.Output);
        }
        finally
        {
            await ExecuteAsync(source, $"DROP SCHEMA {schema} CASCADE");
        }
    }

    /// <summary>Writes a file that its owner only can read, so that the command does not warn.</summary>
    private string Secret(string name, string text)
    {
        string path = _folder.Write(name, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return path;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private Task<Cli.Result> RunAsync(params string[] arguments) =>
        Cli.RunAsync([.. arguments, "--store", "sqlite:" + _operated.DatabaseFile]);

    private async Task<Cli.Result> RunOnPageAsync(params string[] arguments)
    {
        using Cli cli = Cli.StartWithInput(
            "alice:operator", [.. arguments, "--url", new Uri(_operated.Url, "adcp").ToString(), "--token-file", "-"]);
        return await cli.EndAsync();
    }

    /// <summary>The table that a sink with the default names creates.</summary>
    private const string AttemptTable = """
        CREATE TABLE webhook_delivery_log (id INTEGER PRIMARY KEY, idempotency_key TEXT NOT NULL, outcome TEXT NOT NULL,
            attempt_number INTEGER NOT NULL, max_attempts INTEGER NOT NULL, url TEXT NOT NULL, breaker_key TEXT NOT NULL,
            http_status_code INTEGER, error TEXT, error_message TEXT, code TEXT, occurred_at TEXT NOT NULL, completed_at TEXT NOT NULL,
            response_time_ms INTEGER, will_retry INTEGER, next_retry_at TEXT, sequence_key TEXT, sequence_number INTEGER, task_id TEXT,
            task_type TEXT, operation_id TEXT, notification_type TEXT, notification_id TEXT, payload_size_bytes INTEGER,
            skipped_before INTEGER, is_attempt INTEGER NOT NULL)
        """;

    /// <summary>Writes attempts that the page printed to the table of a sink, the oldest first.</summary>
    private async Task AddAttemptsAsync(Cli.Result printed)
    {
        await ExecuteAsync(_operated.DatabaseFile, AttemptTable);
        foreach (string line in printed.Output.Trim().Split('\n').Reverse())
        {
            (string Name, object Value)[] columns =
            [
                .. JsonDocument.Parse(line).RootElement.EnumerateObject()
                    .Where(static member => member.Name != "connection_replaced").Select(static member => (member.Name, ValueOf(member))),
            ];
            await ExecuteAsync(
                _operated.DatabaseFile,
                $"INSERT INTO webhook_delivery_log ({string.Join(", ", columns.Select(static column => column.Name))}) "
                + $"VALUES ({string.Join(", ", columns.Select(static column => "@" + column.Name))})",
                columns);
        }

        static object ValueOf(JsonProperty member) => member.Value.ValueKind switch
        {
            JsonValueKind.Number => member.Value.GetInt64(),
            JsonValueKind.True or JsonValueKind.False => member.Value.GetBoolean(),
            JsonValueKind.Null => DBNull.Value,
            _ when member.Name.EndsWith("_at", StringComparison.Ordinal) => member.Value.GetDateTimeOffset().UtcDateTime,
            _ => member.Value.GetString()!,
        };
    }

    private static async Task ExecuteAsync(string file, string sql, params (string Name, object Value)[] values)
    {
        await using SqliteConnection connection = new($"Data Source={file}");
        await connection.OpenAsync();
        await using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // The names are those of the page.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object value) in values)
        {
            command.Parameters.AddWithValue(name, value);
        }

        await command.ExecuteNonQueryAsync();
    }
}
