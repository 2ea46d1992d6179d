using System.Text.Json;
using Adcp.Aot.AspNetCore.Tests.Operations;
using Adcp.Aot.Operations;

namespace Adcp.Aot.Cli.Tests;

/// <summary>The commands for dead letters and workers against the page of an outbox on loopback.</summary>
public sealed class DeadLetterTests : IAsyncLifetime
{
    private OperatedOutbox _operated = null!;

    public async ValueTask InitializeAsync() => _operated = await OperatedOutbox.StartAsync();

    public ValueTask DisposeAsync() => _operated.DisposeAsync();

    [Fact]
    public async Task Dead_letters_are_listed_by_filter_and_one_is_shown()
    {
        await _operated.KillAsync(1200, "acme");
        IReadOnlyList<DeadLetter> other = await _operated.KillAsync(2, "other", type: "final");

        Cli.Result all = await RunAsync("dead-letters", "list", "--limit", "1100", "--json");
        Cli.Result some = await RunAsync("dead-letters", "list", "--tenant", "other", "--dead-reason", "rejected");
        Cli.Result typed = await RunAsync("dead-letters", "count", "--notification-type", "final", "--json");
        Cli.Result dry = await RunAsync("dead-letters", "redrive", "--notification-type", "final", "--dry-run");
        Cli.Result one = await RunAsync("dead-letters", "show", $"{other[0].Id}");
        Cli.Result none = await RunAsync("dead-letters", "show", "99999999");

        Assert.Equal(
            1100,
            Lines(all).Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetInt64()).Distinct().Count());
        Assert.Equal(3, Lines(some).Length);
        Assert.Equal(2, typed.Json.GetProperty("count").GetInt64());
        Assert.Matches("would be redriven +2", dry.Output);
        Assert.Matches("reason +rejected", one.Output);
        Assert.Matches($"key +{other[0].IdempotencyKey}", one.Output);
        Assert.Equal(1, none.ExitCode);
    }

    [Fact]
    public async Task A_redrive_waits_for_its_end_and_prints_its_report()
    {
        await _operated.KillAsync(3);
        _operated.Receiver.Otherwise = Testing.ReceiverAnswer.Ok;

        Cli.Result dry = await RunAsync("dead-letters", "redrive", "--all", "--dry-run");
        Cli.Result job = await RunAsync("dead-letters", "redrive", "--tenant", "acme", "--rate", "1000", "--reason", "back", "--json");
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Waiting: 0, Dead: 0 });
        Cli.Result gone = await RunAsync("dead-letters", "redrive", "--id", "1", "--id", "2");

        Assert.Equal((0, 0, 1), (dry.ExitCode, job.ExitCode, gone.ExitCode));
        Assert.Matches("would be redriven +3", dry.Output);
        Assert.Equal("done", job.Json.GetProperty("state").GetString());
        Assert.Equal(3, job.Json.GetProperty("report").GetProperty("redriven").GetInt32());
        Assert.Matches("left: missing or unreadable +2", gone.Output);
        Assert.Equal(["back", null], (await _operated.Operations.ListActionsAsync()).Select(static action => action.Reason).Reverse());
    }

    [Theory]
    [InlineData("dead-letters", "redrive")]
    [InlineData("dead-letters", "redrive", "--all", "--tenant", "acme")]
    [InlineData("dead-letters", "redrive", "--id", "1", "--all")]
    [InlineData("dead-letters", "redrive", "--all", "--rate", "0")]
    [InlineData("dead-letters", "redrive", "--id", "x")]
    [InlineData("dead-letters", "list", "--endpoint", "x")]
    [InlineData("dead-letters", "discard")]
    [InlineData("dead-letters", "discard", "--all", "--tenant", "acme")]
    [InlineData("dead-letters", "discard", "--dry-run")]
    public async Task Options_that_are_not_valid_change_nothing(params string[] arguments)
    {
        await _operated.KillAsync(1);

        Cli.Result refused = await RunAsync(arguments);

        Assert.Equal(2, refused.ExitCode);
        Assert.Single(await _operated.Outbox.DeadLetters.ListAsync());
    }

    [Fact]
    public async Task Dead_letters_are_discarded()
    {
        IReadOnlyList<DeadLetter> letters = await _operated.KillAsync(2);

        Cli.Result one = await RunAsync("dead-letters", "discard", "--id", $"{letters[0].Id}", "--reason", "junk");
        Cli.Result again = await RunAsync("dead-letters", "discard", "--id", $"{letters[0].Id}", "--json");

        Assert.Equal((0, 1), (one.ExitCode, again.ExitCode));
        Assert.Matches("discarded +1", one.Output);
        Assert.Equal(0, again.Json.GetProperty("report").GetProperty("discarded").GetInt32());
        Assert.Equal(1, again.Json.GetProperty("report").GetProperty("missing").GetInt32());
        Assert.Equal(letters[1].Id, Assert.Single(await _operated.Outbox.DeadLetters.ListAsync()).Id);
    }

    [Fact]
    public async Task Dead_letters_are_discarded_by_filter_after_a_dry_run()
    {
        await _operated.KillAsync(2);
        await _operated.KillAsync(1, "other");

        Cli.Result dry = await RunAsync("dead-letters", "discard", "--tenant", "acme", "--dry-run");
        long before = (await _operated.Outbox.GetStatusAsync()).Dead;
        Cli.Result job = await RunAsync("dead-letters", "discard", "--tenant", "acme", "--reason", "a test of theirs", "--json");
        Cli.Result all = await RunAsync("dead-letters", "discard", "--all");

        Assert.Equal((0, 3, 0, 0), (dry.ExitCode, before, job.ExitCode, all.ExitCode));
        Assert.Matches("would be discarded +2", dry.Output);
        Assert.Equal(2, job.Json.GetProperty("report").GetProperty("discarded").GetInt32());
        Assert.Matches("discarded +1", all.Output);
        Assert.Equal([null, "a test of theirs"], (await _operated.Operations.ListActionsAsync()).Select(static action => action.Reason));
    }

    [Fact]
    public async Task Workers_and_status_of_the_store_are_printed()
    {
        await _operated.KillAsync(2);
        await OperatedOutbox.UntilAsync(async () => (await _operated.Outbox.GetStatusAsync()).UnownedLanes == 0);

        Cli.Result workers = await RunAsync("workers");
        Cli.Result status = await RunAsync("status");
        Cli.Result json = await RunAsync("workers", "--json");

        Assert.Equal((0, 0), (workers.ExitCode, json.ExitCode));
        Assert.Matches("worker-of-the-test +64 +.* +working", workers.Output);
        Assert.Matches("dead: rejected +2", status.Output);
        Assert.Equal(64, json.Json.GetProperty("workers")[0].GetProperty("lanes").GetArrayLength());
    }

    [Fact]
    public async Task A_page_without_an_outbox_says_so()
    {
        await using OperatedSupervisor memory = await OperatedSupervisor.StartAsync();

        Cli.Result refused = await RunOnAsync(memory.Url, "dead-letters", "list");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("has no dead letters", refused.Errors, StringComparison.Ordinal);
    }

    private static string[] Lines(Cli.Result result) => result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private Task<Cli.Result> RunAsync(params string[] arguments) =>
        RunOnAsync(_operated.Url, arguments);

    private static async Task<Cli.Result> RunOnAsync(Uri site, params string[] arguments)
    {
        using Cli cli = Cli.StartWithInput(
            "alice:operator", [.. arguments, "--url", new Uri(site, "adcp").ToString(), "--token-file", "-"]);
        return await cli.EndAsync();
    }
}
