using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Platform;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>Limits on the answers and the work that one caller can cause.</summary>
public sealed class BudgetTests
{
    [Fact]
    public async Task A_list_of_400_tasks_with_contexts_of_a_megabyte_answers_under_4_MB_and_lists_each_task()
    {
        const int Tasks = 400;
        byte[] context = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 900_000)}}"}""");
        using InMemoryTaskRegistry tasks = new(new InMemoryLimits { MaxBytes = 1L << 30, MaxBytesPerTenant = 1L << 30 });
        for (int i = 0; i < Tasks; i++)
        {
            await tasks.CreateAsync(
                new SellerTask(
                    "anonymous", $"t{i}", TaskType.CreateMediaBuy, AdcpTaskStatus.Completed, null, null, context, "{}"u8.ToArray()));
        }

        await using ServedSeller seller = await ServedSeller.StartAsync(with: options => options with { Tasks = tasks });
        HashSet<string> listed = [];
        string token = "";
        int largest = 0;
        do
        {
            (HttpStatusCode _, string body) =
                await seller.A2AAsync(
                    ServedSeller.Rpc("ListTasks", $$"""{"pageSize":100,"includeArtifacts":true,"pageToken":"{{token}}"}"""));
            largest = Math.Max(largest, body.Length);
            JsonElement page = JsonElement.Parse(body).GetProperty("result");
            Assert.All(page.GetProperty("tasks").EnumerateArray(), task => Assert.True(listed.Add(task.GetProperty("id").GetString()!)));
            token = page.GetProperty("nextPageToken").GetString()!;
        }
        while (token.Length > 0);

        Assert.Equal(Tasks, listed.Count);
        Assert.InRange(largest, 1, 4_000_000);
    }

    [Fact]
    public async Task Four_lists_of_a_tenant_are_read_at_once_and_the_next_is_told_to_come_again()
    {
        using SlowRegistry tasks = new();
        await using ServedSeller seller = await ServedSeller.StartAsync(with: options => options with { Tasks = tasks });
        Task<(HttpStatusCode Status, string Body)>[] lists =
            [.. Enumerable.Range(0, 4).Select(_ => seller.A2AAsync(ServedSeller.Rpc("ListTasks", "{}")))];
        await tasks.ReadingAsync(4);

        (HttpStatusCode _, string fifth) = await seller.A2AAsync(ServedSeller.Rpc("ListTasks", "{}"));
        tasks.Go.SetResult();
        (HttpStatusCode Status, string Body)[] answered = await Task.WhenAll(lists);

        JsonElement error = JsonElement.Parse(fifth).GetProperty("error");
        Assert.Equal("RATE_LIMITED", error.GetProperty("data")[0].GetProperty("adcp_error").GetProperty("code").GetString());
        Assert.Equal(-32000, error.GetProperty("code").GetInt32());
        Assert.All(answered, list => Assert.Contains("totalSize", list.Body, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sixteen_lists_of_all_tenants_are_read_at_once()
    {
        using SlowRegistry tasks = new();
        AdcpEndpointOptions byBearer = new() { TenantOf = static http => http.Request.Headers.Authorization.ToString() };
        await using ServedSeller seller = await ServedSeller.StartAsync(byBearer, options => options with { Tasks = tasks });
        Task<(HttpStatusCode Status, string Body)> ListAsync(string tenant) => seller.A2AAsync(
            ServedSeller.Rpc("ListTasks", "{}"), request => request.Headers.TryAddWithoutValidation("Authorization", tenant));
        Task<(HttpStatusCode Status, string Body)>[] lists = [.. Enumerable.Range(0, 16).Select(i => ListAsync($"t{i / 4}"))];
        await tasks.ReadingAsync(16);

        (HttpStatusCode _, string next) = await ListAsync("t4");
        tasks.Go.SetResult();
        await Task.WhenAll(lists);
        (HttpStatusCode _, string later) = await ListAsync("t4");

        Assert.Contains("RATE_LIMITED", next, StringComparison.Ordinal);
        Assert.Contains("totalSize", later, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hundred_calls_with_hosts_whose_DNS_is_silent_leave_the_keys_readable()
    {
        TaskCompletionSource answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int most = 0;
        int underWay = 0;
        await using ServedSeller seller = await ServedSeller.StartAsync(resolver: async (_, cancellationToken) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref underWay));
            await answers.Task.WaitAsync(cancellationToken);
            Interlocked.Decrement(ref underWay);
            throw new SocketException(11001);
        });
        using HttpClient http = new();
        await http.GetStringAsync(new Uri(seller.Url, ".well-known/jwks.json"));

        Task<(HttpStatusCode Status, string Body)>[] calls = [.. Enumerable.Range(0, 100).Select(i =>
            seller.McpAsync(
                ServedSeller.Buy($$""","push_notification_config":{"url":"https://h{{i}}.slow.example/","operation_id":"o"}""")))];
        List<double> took = [];
        for (int i = 0; i < 21; i++)
        {
            long started = Stopwatch.GetTimestamp();
            await http.GetStringAsync(new Uri(seller.Url, ".well-known/jwks.json"));
            took.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        while (calls.Count(static call => call.IsCompleted) < 96)
        {
            // The pause is not for ordering: the loop only checks again.
            await Task.Delay(5);
        }

        answers.SetResult();
        (HttpStatusCode Status, string Body)[] answered = await Task.WhenAll(calls);

        Assert.InRange(most, 1, 4);
        Assert.Equal(96, answered.Count(static call => call.Body.Contains("RATE_LIMITED", StringComparison.Ordinal)));
        Assert.Equal(4, answered.Count(static call => call.Body.Contains("push_notification_config.url", StringComparison.Ordinal)));
        Assert.True(took.Order().ElementAt(took.Count / 2) < 1_000, string.Join(' ', took));
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int seen = Volatile.Read(ref most);
        while (value > seen)
        {
            int before = Interlocked.CompareExchange(ref most, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>A registry whose lists wait.</summary>
    private sealed class SlowRegistry : ITaskRegistry, IDisposable
    {
        private readonly InMemoryTaskRegistry _inner = new();
        private readonly SemaphoreSlim _reading = new(0);

        public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task ReadingAsync(int lists)
        {
            for (int i = 0; i < lists; i++)
            {
                Assert.True(await _reading.WaitAsync(TimeSpan.FromSeconds(30)));
            }
        }

        public ValueTask CreateAsync(SellerTask task, CancellationToken cancellationToken = default) =>
            _inner.CreateAsync(task, cancellationToken);

        public ValueTask<SellerTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken = default) =>
            _inner.FindAsync(tenant, taskId, cancellationToken);

        public ValueTask<TaskTransition> TransitionAsync(
            string tenant, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> result,
            Func<SellerTask, System.Data.Common.DbTransaction?, CancellationToken, ValueTask>? beforeCommit =
                null, CancellationToken cancellationToken = default) =>
            _inner.TransitionAsync(tenant, taskId, status, result, beforeCommit, cancellationToken);

        public ValueTask<TaskTransition> RegisterAsync(
            string tenant, string taskId, PushRegistration? registration, CancellationToken cancellationToken = default) =>
            _inner.RegisterAsync(tenant, taskId, registration, cancellationToken);

        public async ValueTask<Storage.TaskPage<SellerTask>> ListAsync(
            string tenant, Storage.TaskQuery query, CancellationToken cancellationToken = default)
        {
            _reading.Release();
            await Go.Task.WaitAsync(cancellationToken);
            return await _inner.ListAsync(tenant, query, cancellationToken);
        }

        public ValueTask<int> CountAsync(
            string tenant, Storage.TaskQuery query, int limit, CancellationToken cancellationToken = default) =>
            _inner.CountAsync(tenant, query, limit, cancellationToken);

        public void Dispose()
        {
            _inner.Dispose();
            _reading.Dispose();
        }
    }
}
