using System.Data.Common;
using System.Text;
using Adcp.Aot.Platform;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="ITaskRegistry"/>. Derive a test class from it, and call <see cref="CheckAsync"/> in a test for each name in
/// <see cref="Rules"/>. Use one instance and one empty registry for each rule.
/// </summary>
public abstract class TaskRegistryContract
{
    private const string Tenant = "buyer";
    private const string Token = "a-token-of-sixteen";
    private const string Credentials = "kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A";

    private static readonly RuleTable<TaskRegistryContract> Table = new(
        nameof(ITaskRegistry),
        new("A created task is found unchanged", static (c, token) => c.FoundAsync(token)),
        new("An id is taken once in a tenant and an id that breaks its rule is refused", static (c, token) => c.IdsAsync(token)),
        new("A terminal status is entered once", static (c, token) => c.TerminalOnceAsync(token)),
        new("A task of another tenant looks missing to every call", static (c, token) => c.ForeignAsync(token)),
        new("The status is rolled back if beforeCommit throws", static (c, token) => c.RolledBackAsync(token)),
        new("beforeCommit gets the entered task and runs only if a status is entered", static (c, token) => c.BeforeCommitAsync(token)),
        new(
            "Of many writers at a time one enters the status and the others get repeated or conflict",
            static (c, token) => c.RaceAsync(token)),
        new("The A2A channel is registered once and can be removed until the task ends", static (c, token) => c.A2AChannelAsync(token)),
        new("A page holds one task at least and ends before 1 MiB", static (c, token) => c.PageBytesAsync(token)),
        new("Pages hold each task once and the latest change first", static (c, token) => c.PagesAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the registry.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The registry breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>Gets the present time of the registry.</summary>
    protected abstract DateTimeOffset Now { get; }

    /// <summary>
    /// Opens the registry, as another process would: a later call opens the same tasks. A registry in memory returns the same instance.
    /// The derived class disposes the registries after the check; the contract does not.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<ITaskRegistry> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Lets time pass for the registry: moves its clock, or the times in its database.</summary>
    /// <param name="time">The time that passes.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken);

    private static SellerTask New(string id, string tenant = Tenant) =>
        new(tenant, id, TaskType.CreateMediaBuy, AdcpTaskStatus.Submitted, null, null, default);

    private static PushRegistration Adcp() => new(
        PushChannel.Adcp,
        new WebhookDestination(
            "https://buyer.example/hook?key=query-secret", "op_1", Token,
            new WebhookAuthentication(AuthenticationScheme.HmacSha256, Credentials)));

    private static PushRegistration A2A() => new(
        PushChannel.A2A,
        new WebhookDestination(
            "https://buyer.example/a2a", null, Token, new WebhookAuthentication(AuthenticationScheme.Bearer, Credentials)));

    private static ValueTask<TaskTransition> EnterAsync(
        ITaskRegistry tasks, string id, AdcpTaskStatus status, string result, CancellationToken token, string tenant = Tenant,
        Func<SellerTask, DbTransaction?, CancellationToken, ValueTask>? beforeCommit = null) =>
        tasks.TransitionAsync(tenant, id, status, Json(result), beforeCommit, token);

    private static ReadOnlyMemory<byte> Json(string json) => Encoding.UTF8.GetBytes(json);

    private async Task FoundAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        SellerTask created = New("t1 ' \" \\ 😀") with
        {
            Registration = Adcp(),
            A2ARegistration = A2A(),
            Context = Json("""{"k":[1e0, "\u0000 😀 '"]}"""),
        };
        await tasks.CreateAsync(created, token);
        SellerTask found = Expect.NotNull(await (await OpenAsync(token)).FindAsync(Tenant, created.TaskId, token));
        Expect.Equal((created.Tenant, created.TaskId, created.TaskType, created.Status),
            (found.Tenant, found.TaskId, found.TaskType, found.Status));
        Expect.Sequence(created.Context.ToArray(), found.Context.ToArray());
        Expect.True(found.Result.IsEmpty);
        Same(created.Registration!, found.Registration!);
        Same(created.A2ARegistration!, found.A2ARegistration!);

        static void Same(PushRegistration expected, PushRegistration actual)
        {
            Expect.Equal(
                (expected.Channel, expected.Destination.Url, expected.Destination.OperationId, expected.Destination.Token),
                (actual.Channel, actual.Destination.Url, actual.Destination.OperationId, actual.Destination.Token));
            Expect.Equal(expected.Destination.Authentication!.Scheme, actual.Destination.Authentication!.Scheme);
            Expect.Equal(expected.Destination.Authentication.Credentials, actual.Destination.Authentication.Credentials);
        }
    }

    private async Task IdsAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        await tasks.CreateAsync(New("t1"), token);
        await Expect.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New("t1"), token).AsTask());
        await tasks.CreateAsync(New("t1", "another"), token);
        await Expect.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New(""), token).AsTask());
        await Expect.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New("  "), token).AsTask());
        await Expect.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New("a\nb"), token).AsTask());
        await Expect.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New(new string('x', 513)), token).AsTask());
        await Expect.ThrowsAsync<ArgumentException>(() => tasks.CreateAsync(New("t2", "a\0b"), token).AsTask());
        Expect.Null(await tasks.FindAsync(Tenant, "a\nb", token));
        Expect.Equal(TaskTransition.Unknown, await EnterAsync(tasks, new string('x', 5000), AdcpTaskStatus.Working, "", token));
    }

    private async Task TerminalOnceAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        await tasks.CreateAsync(New("t1"), token);
        Expect.Equal(TaskTransition.Entered, await EnterAsync(tasks, "t1", AdcpTaskStatus.Working, "", token));
        Expect.Equal(TaskTransition.Entered,
            await EnterAsync(tasks, "t1", AdcpTaskStatus.InputRequired, """{"ask":1}""", token));
        Expect.Equal(TaskTransition.Entered,
            await EnterAsync(tasks, "t1", AdcpTaskStatus.Completed, """{"x":1,"y":1.0}""", token));
        Expect.Equal(TaskTransition.Repeated,
            await EnterAsync(tasks, "t1", AdcpTaskStatus.Completed, """{ "y":1, "x":1e0 }""", token));
        Expect.Equal(TaskTransition.Conflict,
            await EnterAsync(tasks, "t1", AdcpTaskStatus.Completed, """{"x":2,"y":1}""", token));
        Expect.Equal(TaskTransition.Conflict, await EnterAsync(tasks, "t1", AdcpTaskStatus.Failed, """{"x":1,"y":1}""", token));
        Expect.Equal(TaskTransition.Repeated, await EnterAsync(tasks, "t1", AdcpTaskStatus.Working, "", token));
        SellerTask ended = Expect.NotNull(await (await OpenAsync(token)).FindAsync(Tenant, "t1", token));
        Expect.Equal(AdcpTaskStatus.Completed, ended.Status);
        Expect.Equal("""{"x":1,"y":1.0}""", Encoding.UTF8.GetString(ended.Result.Span));
    }

    private async Task ForeignAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        await tasks.CreateAsync(New("t1"), token);
        foreach (string other in (string[])["another", "BUYER", "buyer ", "' OR '1'='1"])
        {
            Expect.Null(await tasks.FindAsync(other, "t1", token));
            Expect.Equal(TaskTransition.Unknown, await EnterAsync(tasks, "t1", AdcpTaskStatus.Canceled, "", token, other));
            Expect.Equal(TaskTransition.Unknown, await tasks.RegisterAsync(other, "t1", A2A(), token));
            Expect.Empty((await tasks.ListAsync(other, new TaskQuery(), token)).Tasks);
            Expect.Equal(0, await tasks.CountAsync(other, new TaskQuery(), 10, token));
        }

        Expect.Equal(AdcpTaskStatus.Submitted, Expect.NotNull(await tasks.FindAsync(Tenant, "t1", token)).Status);
    }

    private async Task RolledBackAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        await tasks.CreateAsync(New("t1"), token);
        await Expect.ThrowsAsync<IOException>(() =>
            EnterAsync(
                tasks, "t1", AdcpTaskStatus.Completed, "{}", token, beforeCommit: static (_, _, _) => throw new IOException("disk full"))
            .AsTask());
        Expect.Equal(AdcpTaskStatus.Submitted, Expect.NotNull(await (await OpenAsync(token)).FindAsync(Tenant, "t1", token)).Status);
        Expect.Equal(TaskTransition.Entered, await EnterAsync(tasks, "t1", AdcpTaskStatus.Completed, "{}", token));
    }

    private async Task BeforeCommitAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        await tasks.CreateAsync(New("t1") with { Registration = Adcp() }, token);
        List<SellerTask> seen = [];
        for (int i = 0; i < 2; i++)
        {
            await EnterAsync(tasks, "t1", AdcpTaskStatus.Completed, """{"a":1}""", token, beforeCommit: Look);
        }

        await EnterAsync(tasks, "t1", AdcpTaskStatus.Completed, """{"a":2}""", token, beforeCommit: Look);
        await EnterAsync(tasks, "t2", AdcpTaskStatus.Completed, """{"a":1}""", token, beforeCommit: Look);
        SellerTask task = Expect.Single(seen);
        Expect.Equal((AdcpTaskStatus.Completed, """{"a":1}""", Token),
            (task.Status, Encoding.UTF8.GetString(task.Result.Span), task.Registration!.Destination.Token));

        ValueTask Look(SellerTask entered, DbTransaction? transaction, CancellationToken cancellationToken)
        {
            seen.Add(entered);
            return default;
        }
    }

    private async Task RaceAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        const int Writers = 8;
        ITaskRegistry[] processes = [tasks, await OpenAsync(token)];
        for (int round = 0; round < 4; round++)
        {
            string id = $"t{round}";
            await tasks.CreateAsync(New(id), token);
            int entered = 0;
            bool same = round % 2 == 0;
            TaskCompletionSource start = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<TaskTransition>[] racing = [.. Enumerable.Range(0, Writers).Select(async writer =>
            {
                await start.Task;
                string result = $$"""{"by":{{(same ? 0 : writer)}}}""";
                return await EnterAsync(processes[writer % 2], id, AdcpTaskStatus.Completed, result, token, beforeCommit: Count);
            })];
            start.SetResult();
            TaskTransition[] ends = await Task.WhenAll(racing);
            Expect.Equal(1, ends.Count(static end => end == TaskTransition.Entered));
            Expect.Equal(Writers - 1, ends.Count(end => end == (same ? TaskTransition.Repeated : TaskTransition.Conflict)));
            Expect.Equal(1, entered);

            ValueTask Count(SellerTask task, DbTransaction? transaction, CancellationToken cancellationToken)
            {
                Interlocked.Increment(ref entered);
                return default;
            }
        }
    }

    private async Task A2AChannelAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        await tasks.CreateAsync(New("t1") with { Registration = Adcp() }, token);
        Expect.Equal(TaskTransition.Repeated, await tasks.RegisterAsync(Tenant, "t1", null, token));
        Expect.Equal(TaskTransition.Entered, await tasks.RegisterAsync(Tenant, "t1", A2A(), token));
        Expect.Equal(TaskTransition.Conflict, await tasks.RegisterAsync(Tenant, "t1", A2A(), token));
        SellerTask both = Expect.NotNull(await (await OpenAsync(token)).FindAsync(Tenant, "t1", token));
        Expect.Equal(("https://buyer.example/a2a", Adcp().Destination.Url),
            (both.A2ARegistration!.Destination.Url, both.Registration!.Destination.Url));
        Expect.Equal(TaskTransition.Entered, await tasks.RegisterAsync(Tenant, "t1", null, token));
        Expect.Null(Expect.NotNull(await (await OpenAsync(token)).FindAsync(Tenant, "t1", token)).A2ARegistration);
        await EnterAsync(tasks, "t1", AdcpTaskStatus.Canceled, "", token);
        Expect.Equal(TaskTransition.Conflict, await tasks.RegisterAsync(Tenant, "t1", A2A(), token));
        Expect.Equal(TaskTransition.Unknown, await tasks.RegisterAsync(Tenant, "t2", A2A(), token));
    }

    private async Task PageBytesAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        const int Count = 12;
        byte[] small = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 300 << 10)}}"}""");
        byte[] large = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 2 << 20)}}"}""");
        for (int i = 0; i < Count; i++)
        {
            await tasks.CreateAsync(New($"t{i}") with { Context = i == 5 ? large : small }, token);
            await AdvanceAsync(TimeSpan.FromSeconds(1), token);
        }

        List<string> listed = [];
        string? next = null;
        do
        {
            TaskQuery query = new() { PageSize = 11, PageToken = next };
            TaskPage<SellerTask> page = await (await OpenAsync(token)).ListAsync(Tenant, query, token);
            listed.AddRange(page.Tasks.Select(task => task.Task.TaskId));
            Expect.True(page.Tasks.Count == 1 || page.Tasks.Sum(task => task.Task.Context.Length) <= ITaskRegistry.MaxPageBytes);
            next = page.NextPageToken;
        }
        while (next is not null);

        Expect.Sequence(Enumerable.Range(0, Count).Reverse().Select(i => $"t{i}"), listed);
    }

    private async Task PagesAsync(CancellationToken token)
    {
        ITaskRegistry tasks = await OpenAsync(token);
        string[] ids = [.. Enumerable.Range(0, 7).Select(i => $"t{i}")];
        foreach (string id in ids)
        {
            await tasks.CreateAsync(New(id), token);
            await AdvanceAsync(TimeSpan.FromSeconds(1), token);
        }

        await tasks.CreateAsync(New("t9", "another"), token);
        await EnterAsync(tasks, "t3", AdcpTaskStatus.Working, "", token);
        List<string> listed = [];
        TaskQuery query = new() { PageSize = 3 };
        string? next = null;
        do
        {
            TaskPage<SellerTask> page = await (await OpenAsync(token)).ListAsync(Tenant, query with { PageToken = next }, token);
            listed.AddRange(page.Tasks.Select(task => task.Task.TaskId));
            next = page.NextPageToken;
        }
        while (next is not null);
        Expect.Sequence(["t3", "t6", "t5", "t4", "t2", "t1", "t0"], listed);
        Expect.Equal(7, await tasks.CountAsync(Tenant, query, 100, token));
        Expect.Equal(5, await tasks.CountAsync(Tenant, query, 5, token));
        Expect.Equal("t3", Expect.Single((await tasks.ListAsync(Tenant, new TaskQuery { State = "working" }, token)).Tasks).Task.TaskId);
        Expect.Equal("t5", Expect.Single((await tasks.ListAsync(Tenant, new TaskQuery { ContextId = "t5" }, token)).Tasks).Task.TaskId);
        Expect.Equal(3, (await tasks.ListAsync(Tenant, new TaskQuery { UpdatedSince = Now.AddSeconds(-2) }, token)).Tasks.Count);

        string ofBuyer = (await tasks.ListAsync(Tenant, query, token)).NextPageToken!;
        await Expect.ThrowsAsync<PageTokenException>(() => tasks.ListAsync("another", query with { PageToken = ofBuyer }, token).AsTask());
    }
}
