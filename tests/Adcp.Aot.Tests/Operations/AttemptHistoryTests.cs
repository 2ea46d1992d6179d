using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Operations;

public sealed class AttemptHistoryTests
{
    private static readonly WebhookDestination Alpha = new("https://alpha.example/hook", "op_1");
    private static readonly WebhookDestination Beta = new("https://beta.example/hook", "op_1");

    [Fact]
    public async Task Attempts_are_listed_newest_first_and_page_by_page()
    {
        AttemptHistory history = await HistoryOfAsync(new ScriptedSender(), Alpha, 25);

        List<string> keys = [];
        string? after = null;
        int pages = 0;
        do
        {
            OperationsPage<DeliveryAttemptSnapshot> page = history.List(new AttemptQuery { Limit = 10, After = after });
            Assert.Equal(25, page.Count);
            keys.AddRange(page.Items.Select(static attempt => attempt.IdempotencyKey));
            after = page.Next;
            pages++;
        }
        while (after is not null);

        Assert.Equal(3, pages);
        Assert.Equal(Enumerable.Range(1, 25).Reverse().Select(KeyOf), keys);
    }

    [Fact]
    public async Task A_page_that_ends_with_the_last_attempt_has_no_next()
    {
        AttemptHistory history = await HistoryOfAsync(new ScriptedSender(), Alpha, 10);

        Assert.Null(history.List(new AttemptQuery { Limit = 10 }).Next);
        Assert.NotNull(history.List(new AttemptQuery { Limit = 9 }).Next);
        Assert.Null(new AttemptHistory().List().Next);
    }

    [Fact]
    public async Task Rows_do_not_move_between_pages_when_attempts_are_added()
    {
        AttemptHistory history = new();
        await using InMemoryWebhookDeliverySupervisor supervisor = SupervisorOf(new ScriptedSender(), history);
        await DeliverAsync(supervisor, Alpha, 1, 10);
        OperationsPage<DeliveryAttemptSnapshot> first = history.List(new AttemptQuery { Limit = 5 });
        await DeliverAsync(supervisor, Alpha, 11, 20);

        OperationsPage<DeliveryAttemptSnapshot> second = history.List(new AttemptQuery { Limit = 5, After = first.Next });

        Assert.Equal(new[] { 5, 4, 3, 2, 1 }.Select(KeyOf), second.Items.Select(static attempt => attempt.IdempotencyKey));
    }

    [Fact]
    public async Task Filters_admit_only_what_they_name()
    {
        AttemptHistory history = new();
        await using InMemoryWebhookDeliverySupervisor supervisor = SupervisorOf(new ScriptedSender().Status(200, 410), history);
        await DeliverAsync(supervisor, Alpha, 1, 1);
        await DeliverAsync(supervisor, Beta, 2, 2);
        DeliveryAttemptSnapshot failed = history.List().Items[0];

        Assert.Equal([KeyOf(2)], Keys(new AttemptQuery { Outcome = AttemptOutcome.Failure }));
        Assert.Equal([KeyOf(1)], Keys(new AttemptQuery { Endpoint = "https://alpha.example/hook" }));
        Assert.Equal([KeyOf(1)], Keys(new AttemptQuery { IdempotencyKey = KeyOf(1) }));
        Assert.Equal([KeyOf(2)], Keys(new AttemptQuery { TaskId = "task-2" }));
        Assert.Empty(Keys(new AttemptQuery { NotificationType = "none" }));
        Assert.Empty(Keys(new AttemptQuery { Since = failed.CompletedAt.AddSeconds(1) }));
        Assert.Empty(Keys(new AttemptQuery { Until = failed.OccurredAt.AddSeconds(-1) }));

        IEnumerable<string> Keys(AttemptQuery query) => history.List(query).Items.Select(static attempt => attempt.IdempotencyKey);
    }

    [Fact]
    public async Task Only_the_newest_attempts_are_kept()
    {
        AttemptHistory history = await HistoryOfAsync(new ScriptedSender(), Alpha, 7, capacity: 3);

        Assert.Equal(new[] { 7, 6, 5 }.Select(KeyOf), history.List().Items.Select(static attempt => attempt.IdempotencyKey));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999")]
    public void A_cursor_that_is_no_cursor_is_refused(string after) =>
        Assert.Throws<ArgumentException>("query", () => new AttemptHistory().List(new AttemptQuery { After = after }));

    [Fact]
    public async Task Activity_counts_each_minute_of_the_last_hour_and_forgets_older_ones()
    {
        FakeTimeProvider time = new(new DateTimeOffset(2026, 1, 1, 12, 0, 30, TimeSpan.Zero));
        AttemptHistory history = new(timeProvider: time);
        await using InMemoryWebhookDeliverySupervisor supervisor = SupervisorOf(new ScriptedSender().Status(200, 200, 410), history);
        await DeliverAsync(supervisor, Alpha, 1, 3);
        time.Advance(TimeSpan.FromMinutes(59));
        await DeliverAsync(supervisor, Alpha, 4, 4);

        IReadOnlyList<ActivityMinute> hour = history.Activity();
        time.Advance(TimeSpan.FromMinutes(1));
        IReadOnlyList<ActivityMinute> later = history.Activity();

        Assert.Equal(60, hour.Count);
        Assert.Equal(new ActivityMinute(new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero), 2, 1, 0), hour[0]);
        Assert.Equal((1, 0), (hour[^1].Delivered, hour[^1].Failed));
        Assert.Equal((0, 1), (later.Sum(static minute => minute.Failed), later.Sum(static minute => minute.Delivered)));
    }

    private static async Task<AttemptHistory> HistoryOfAsync(
        ScriptedSender sender, WebhookDestination destination, int count, int capacity = 10_000)
    {
        AttemptHistory history = new(capacity);
        await using InMemoryWebhookDeliverySupervisor supervisor = SupervisorOf(sender, history);
        await DeliverAsync(supervisor, destination, 1, count);
        return history;
    }

    private static InMemoryWebhookDeliverySupervisor SupervisorOf(ScriptedSender sender, AttemptHistory history) =>
        new(sender, new WebhookSupervisorOptions { Sink = history, SinkMode = SinkMode.Inline });

    private static async Task DeliverAsync(
        InMemoryWebhookDeliverySupervisor supervisor, WebhookDestination destination, int from, int to)
    {
        for (int i = from; i <= to; i++)
        {
            await supervisor.SendMcpAsync(
                destination, new McpWebhook
                {
                    TaskId = $"task-{i}",
                    TaskType = TaskType.CreateMediaBuy,
                    Status = AdcpTaskStatus.Completed,
                    IdempotencyKey = KeyOf(i),
                });
        }
    }

    private static string KeyOf(int number) => $"idempotency-key-{number:d4}";
}
