using System.Data.Common;
using System.Text;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Tasks;

/// <summary>The contract of every task registry.</summary>
public abstract class TaskRegistryContract : IAsyncLifetime
{
    protected const string Token = "a-token-of-sixteen";
    protected const string Credentials = "kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A";

    protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    private protected ITaskRegistry Tasks { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        Tasks = Open();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await EndAsync();
    }

    protected abstract Task PrepareAsync();

    protected abstract Task EndAsync();

    /// <summary>Opens the registry as another process would; a registry in memory has only the first.</summary>
    private protected abstract ITaskRegistry Open();

    private protected static SellerTask New(string id, string tenant = "buyer", AdcpTaskStatus status = AdcpTaskStatus.Submitted) =>
        new(tenant, id, TaskType.CreateMediaBuy, status, null, null, default);

    private protected static PushRegistration Adcp(string path = "hook") => new(
        PushChannel.Adcp,
        new WebhookDestination($"https://buyer.example/{path}?key=query-secret", "op_1", Token,
            new WebhookAuthentication(AuthenticationScheme.HmacSha256, Credentials)));

    private protected static PushRegistration A2A() => new(
        PushChannel.A2A, new WebhookDestination("https://buyer.example/a2a", null, Token,
            new WebhookAuthentication(AuthenticationScheme.Bearer, Credentials)));

    private protected static ReadOnlyMemory<byte> Json(string json) => Encoding.UTF8.GetBytes(json);

    [Fact]
    public async Task What_was_created_is_found_as_it_was()
    {
        SellerTask created = New("t1 ' \" \\ 😀")
            with
        { Registration = Adcp(), A2ARegistration = A2A(), Context = Json("""{"k":[1e0, "\u0000 😀 '"]}""") };
        await Tasks.CreateAsync(created);
        SellerTask found = (await Open().FindAsync("buyer", created.TaskId))!;
        Assert.Equal((created.Tenant, created.TaskId, created.TaskType, created.Status),
            (found.Tenant, found.TaskId, found.TaskType, found.Status));
        Assert.Equal(created.Context.ToArray(), found.Context.ToArray());
        Assert.True(found.Result.IsEmpty);
        Same(created.Registration!, found.Registration!);
        Same(created.A2ARegistration!, found.A2ARegistration!);

        static void Same(PushRegistration expected, PushRegistration actual)
        {
            Assert.Equal(
                (expected.Channel, expected.Destination.Url, expected.Destination.OperationId, expected.Destination.Token),
                (actual.Channel, actual.Destination.Url, actual.Destination.OperationId, actual.Destination.Token));
            Assert.Equal(expected.Destination.Authentication!.Scheme, actual.Destination.Authentication!.Scheme);
            Assert.Equal(expected.Destination.Authentication.Credentials, actual.Destination.Authentication.Credentials);
        }
    }

    [Fact]
    public async Task An_id_is_taken_once_in_a_tenant_and_breaks_no_rule()
    {
        await Tasks.CreateAsync(New("t1"));
        await Assert.ThrowsAsync<ArgumentException>(() => Tasks.CreateAsync(New("t1")).AsTask());
        await Tasks.CreateAsync(New("t1", "another"));
        await Assert.ThrowsAsync<ArgumentException>(() => Tasks.CreateAsync(New("")).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => Tasks.CreateAsync(New("  ")).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => Tasks.CreateAsync(New("a\nb")).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => Tasks.CreateAsync(New(new string('x', 513))).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => Tasks.CreateAsync(New("t2", "a\0b")).AsTask());
        Assert.Null(await Tasks.FindAsync("buyer", "a\nb"));
        Assert.Equal(TaskTransition.Unknown, await Tasks.TransitionAsync("buyer", new string('x', 5000), AdcpTaskStatus.Working, default));
    }

    [Fact]
    public async Task A_terminal_status_is_entered_once()
    {
        await Tasks.CreateAsync(New("t1"));
        Assert.Equal(TaskTransition.Entered, await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Working, default));
        Assert.Equal(TaskTransition.Entered,
            await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.InputRequired, Json("""{"ask":1}""")));
        Assert.Equal(TaskTransition.Entered,
            await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"x":1,"y":1.0}""")));
        Assert.Equal(TaskTransition.Repeated,
            await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{ "y":1, "x":1e0 }""")));
        Assert.Equal(TaskTransition.Conflict,
            await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"x":2,"y":1}""")));
        Assert.Equal(TaskTransition.Conflict, await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Failed, Json("""{"x":1,"y":1}""")));
        Assert.Equal(TaskTransition.Repeated, await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Working, default));
        SellerTask ended = (await Open().FindAsync("buyer", "t1"))!;
        Assert.Equal(AdcpTaskStatus.Completed, ended.Status);
        Assert.Equal("""{"x":1,"y":1.0}""", Encoding.UTF8.GetString(ended.Result.Span));
    }

    [Fact]
    public async Task A_foreign_task_looks_missing_to_every_call()
    {
        await Tasks.CreateAsync(New("t1"));
        foreach (string other in (string[])["another", "BUYER", "buyer ", "' OR '1'='1"])
        {
            Assert.Null(await Tasks.FindAsync(other, "t1"));
            Assert.Equal(TaskTransition.Unknown, await Tasks.TransitionAsync(other, "t1", AdcpTaskStatus.Canceled, default));
            Assert.Equal(TaskTransition.Unknown, await Tasks.RegisterAsync(other, "t1", A2A()));
            Assert.Empty((await Tasks.ListAsync(other, new TaskQuery())).Tasks);
            Assert.Equal(0, await Tasks.CountAsync(other, new TaskQuery(), 10));
        }

        Assert.Equal(AdcpTaskStatus.Submitted, (await Tasks.FindAsync("buyer", "t1"))!.Status);
    }

    [Fact]
    public async Task What_before_commit_throws_takes_the_status_back()
    {
        await Tasks.CreateAsync(New("t1"));
        await Assert.ThrowsAsync<IOException>(() =>
            Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("{}"), (_, _, _) =>
                throw new IOException("disk full")).AsTask());
        Assert.Equal(AdcpTaskStatus.Submitted, (await Open().FindAsync("buyer", "t1"))!.Status);
        Assert.Equal(TaskTransition.Entered, await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("{}")));
    }

    [Fact]
    public async Task Before_commit_sees_the_status_entered_and_runs_only_where_one_is()
    {
        await Tasks.CreateAsync(New("t1") with { Registration = Adcp() });
        List<SellerTask> seen = [];
        for (int i = 0; i < 2; i++)
        {
            await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"a":1}"""), Look);
        }

        await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"a":2}"""), Look);
        await Tasks.TransitionAsync("buyer", "t2", AdcpTaskStatus.Completed, Json("""{"a":1}"""), Look);
        SellerTask task = Assert.Single(seen);
        Assert.Equal((AdcpTaskStatus.Completed, """{"a":1}""", Token),
            (task.Status, Encoding.UTF8.GetString(task.Result.Span), task.Registration!.Destination.Token));

        ValueTask Look(SellerTask entered, DbTransaction? transaction, CancellationToken cancellationToken)
        {
            seen.Add(entered);
            return default;
        }
    }

    [Fact]
    public async Task Of_writers_that_race_one_enters_and_the_others_learn_how_it_ended()
    {
        const int Writers = 8;
        ITaskRegistry[] processes = [Tasks, Open()];
        for (int round = 0; round < 4; round++)
        {
            string id = $"t{round}";
            await Tasks.CreateAsync(New(id));
            int told = 0;
            bool same = round % 2 == 0;
            TaskCompletionSource start = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<TaskTransition>[] racing = [.. Enumerable.Range(0, Writers).Select(async writer =>
            {
                await start.Task;
                return await processes[writer % 2].TransitionAsync("buyer", id, AdcpTaskStatus.Completed,
                    Json($$"""{"by":{{(same ? 0 : writer)}}}"""), (_, _, _) =>
                {
                    Interlocked.Increment(ref told);
                    return default;
                });
            })];
            start.SetResult();
            TaskTransition[] ends = await Task.WhenAll(racing);
            Assert.Single(ends, TaskTransition.Entered);
            Assert.Equal(Writers - 1, ends.Count(end => end == (same ? TaskTransition.Repeated : TaskTransition.Conflict)));
            Assert.Equal(1, told);
        }
    }

    [Fact]
    public async Task A2As_channel_is_registered_once_and_taken_back_until_the_end()
    {
        await Tasks.CreateAsync(New("t1") with { Registration = Adcp() });
        Assert.Equal(TaskTransition.Repeated, await Tasks.RegisterAsync("buyer", "t1", null));
        Assert.Equal(TaskTransition.Entered, await Tasks.RegisterAsync("buyer", "t1", A2A()));
        Assert.Equal(TaskTransition.Conflict, await Tasks.RegisterAsync("buyer", "t1", A2A()));
        SellerTask both = (await Open().FindAsync("buyer", "t1"))!;
        Assert.Equal(("https://buyer.example/a2a", Adcp().Destination.Url),
            (both.A2ARegistration!.Destination.Url, both.Registration!.Destination.Url));
        Assert.Equal(TaskTransition.Entered, await Tasks.RegisterAsync("buyer", "t1", null));
        Assert.Null((await Open().FindAsync("buyer", "t1"))!.A2ARegistration);
        await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Canceled, default);
        Assert.Equal(TaskTransition.Conflict, await Tasks.RegisterAsync("buyer", "t1", A2A()));
        Assert.Equal(TaskTransition.Unknown, await Tasks.RegisterAsync("buyer", "t2", A2A()));
    }

    [Fact]
    public async Task A_page_ends_before_its_tasks_hold_more_than_a_mebibyte_and_has_one_at_least()
    {
        const int Tasks = 12;
        byte[] small = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 300 << 10)}}"}""");
        byte[] large = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 2 << 20)}}"}""");
        for (int i = 0; i < Tasks; i++)
        {
            await this.Tasks.CreateAsync(New($"t{i}") with { Context = i == 5 ? large : small });
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        List<int> pages = [];
        List<string> listed = [];
        string? token = null;
        do
        {
            TaskPage<SellerTask> page = await Open().ListAsync("buyer", new TaskQuery { PageSize = 11, PageToken = token });
            pages.Add(page.Tasks.Count);
            listed.AddRange(page.Tasks.Select(task => task.Task.TaskId));
            Assert.True(page.Tasks.Count == 1 || page.Tasks.Sum(task => task.Task.Context.Length) <= ITaskRegistry.MaxPageBytes);
            token = page.NextPageToken;
        }
        while (token is not null);

        Assert.Equal(Enumerable.Range(0, Tasks).Reverse().Select(i => $"t{i}"), listed);
        Assert.Equal([3, 3, 1, 3, 2], pages);
    }

    [Fact]
    public async Task Pages_hold_each_task_once_the_latest_change_first()
    {
        string[] ids = [.. Enumerable.Range(0, 7).Select(i => $"t{i}")];
        foreach (string id in ids)
        {
            await Tasks.CreateAsync(New(id));
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        await Tasks.CreateAsync(New("t9", "another"));
        await Tasks.TransitionAsync("buyer", "t3", AdcpTaskStatus.Working, default);
        List<string> listed = [];
        TaskQuery query = new() { PageSize = 3 };
        string? token = null;
        do
        {
            TaskPage<SellerTask> page = await Open().ListAsync("buyer", query with { PageToken = token });
            listed.AddRange(page.Tasks.Select(task => task.Task.TaskId));
            token = page.NextPageToken;
        }
        while (token is not null);
        Assert.Equal(["t3", "t6", "t5", "t4", "t2", "t1", "t0"], listed);
        Assert.Equal(7, await Tasks.CountAsync("buyer", query, 100));
        Assert.Equal(5, await Tasks.CountAsync("buyer", query, 5));
        Assert.Equal("t3", Assert.Single((await Tasks.ListAsync("buyer", new TaskQuery { State = "working" })).Tasks).Task.TaskId);
        Assert.Equal("t5", Assert.Single((await Tasks.ListAsync("buyer", new TaskQuery { ContextId = "t5" })).Tasks).Task.TaskId);
        Assert.Equal(3, (await Tasks.ListAsync("buyer", new TaskQuery { UpdatedSince = Time.GetUtcNow().AddSeconds(-2) })).Tasks.Count);

        string ofBuyer = (await Tasks.ListAsync("buyer", query)).NextPageToken!;
        await Assert.ThrowsAsync<PageTokenException>(() => Tasks.ListAsync("another", query with { PageToken = ofBuyer }).AsTask());
    }
}
