using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Storage.Tests.Samples;

/// <summary>Attacks of callers on samples/A2AStores.</summary>
public sealed class A2AStoresHardeningTests
{
    [Fact]
    public async Task Request_under_another_host_is_refused_on_every_path()
    {
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();

        foreach (string host in (string[])["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::2]", "localhost."])
        {
            foreach ((HttpMethod method, string path) in ((HttpMethod, string)[])
                [(HttpMethod.Post, "a2a"), (HttpMethod.Get, ".well-known/agent-card.json"), (HttpMethod.Get, ".well-known/jwks.json")])
            {
                string? body = method == HttpMethod.Post ? A2AStoresProcess.Rpc("SendMessage", A2AStoresProcess.Message()) : null;
                (HttpStatusCode status, string answer) =
                    await agent.SendAsync(method, path, body, request => request.Headers.Host = host);
                Assert.Equal((host, path, HttpStatusCode.MisdirectedRequest), (host, path, status));
                Assert.DoesNotContain("evil", answer, StringComparison.Ordinal);
            }
        }

        Assert.Equal(0, (await agent.CallAsync("ListTasks", "{}")).GetProperty("totalSize").GetInt32());
    }

    [Fact]
    public async Task Card_names_the_agents_own_address_whatever_allowed_host_asked()
    {
        await using A2AStoresProcess own = await A2AStoresProcess.StartAsync();
        await using A2AStoresProcess published = await A2AStoresProcess.StartAsync(1, "--url", "https://agent.example");

        string byName = await CardUrlAsync(own, "localhost:1");
        string byPublicName = await CardUrlAsync(published, "agent.example");
        string byLoopback = await CardUrlAsync(published, "127.0.0.1");

        Assert.Equal(new Uri(own.Url, "/a2a").ToString(), byName);
        Assert.Equal(("https://agent.example/a2a", "https://agent.example/a2a"), (byPublicName, byLoopback));
    }

    [Fact]
    public async Task Call_that_a_web_page_could_make_is_refused()
    {
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();

        foreach ((string? origin, string type, HttpStatusCode expected) in ((string?, string, HttpStatusCode)[])
        [
            ("http://evil.example", "application/json", HttpStatusCode.Forbidden),
            ("null", "application/json", HttpStatusCode.Forbidden),
            ("http://localhost.evil.example", "application/json", HttpStatusCode.Forbidden),
            ("http://localhost:3000", "application/json", HttpStatusCode.OK),
            (null, "text/plain", HttpStatusCode.UnsupportedMediaType),
            (null, "application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType),
        ])
        {
            (HttpStatusCode status, string _) =
                await agent.SendAsync(HttpMethod.Post, "a2a", A2AStoresProcess.Rpc("ListTasks", "{}"), request =>
                {
                    request.Content!.Headers.ContentType = new(type);
                    if (origin is not null)
                    {
                        request.Headers.Add("Origin", origin);
                    }
                });
            Assert.Equal((origin, type, expected), (origin, type, status));
        }
    }

    [Fact]
    public async Task Text_that_cannot_be_read_is_a_parse_error_and_no_error_of_the_agent()
    {
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();

        foreach (string body in (string[])
        [
            """{"jsonrpc":"2.0","id":"\ud800","method":"ListTasks","params":{}}""",
            """{"jsonrpc":"2.0","id":1,"method":"\ud800","params":{}}""",
            """{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{"\udc00":1}}""",
            """{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"\udc00\ud800"}}""",
            A2AStoresProcess.Rpc("SendMessage", A2AStoresProcess.Message("\"text\":\"\\ud800\"")),
            """{"jsonrpc":"2.0","id":1,"id":2,"method":"ListTasks","params":{}}""",
            "{",
        ])
        {
            (HttpStatusCode status, string answer) = await agent.SendAsync(HttpMethod.Post, "a2a", body);
            int code = JsonElement.Parse(answer).GetProperty("error").GetProperty("code").GetInt32();
            Assert.Equal((HttpStatusCode.OK, -32700), (status, code));
        }

        Assert.DoesNotContain(agent.Lines, static line => line.Contains("A request failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task List_of_large_tasks_comes_in_pages_of_a_mebibyte_or_so_and_has_each_task()
    {
        const int Tasks = 30;
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();
        for (int i = 0; i < Tasks; i++)
        {
            await agent.CallAsync("SendMessage", A2AStoresProcess.Message($"\"text\":\"{new string('x', 60_000)}\""));
        }

        HashSet<string> listed = [];
        int largest = 0;
        string token = "";
        do
        {
            JsonElement page = await agent.CallAsync("ListTasks", $$"""{"pageSize":100,"pageToken":"{{token}}"}""");
            largest = Math.Max(largest, page.GetRawText().Length);
            Assert.All(page.GetProperty("tasks").EnumerateArray(), task => Assert.True(listed.Add(task.GetProperty("id").GetString()!)));
            token = page.GetProperty("nextPageToken").GetString()!;
        }
        while (token.Length > 0);

        Assert.Equal(Tasks, listed.Count);
        Assert.InRange(largest, 1 << 20, 3 << 19);
        (HttpStatusCode status, string _) =
            await agent.SendAsync(HttpMethod.Post, "a2a", A2AStoresProcess.Rpc("SendMessage", new string(' ', 70_000) + "{}"));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
    }

    [Fact]
    public async Task Task_has_so_many_messages()
    {
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync(3_600_000);
        JsonElement task = (await agent.CallAsync(
            "SendMessage", A2AStoresProcess.Message(configuration: """{"returnImmediately":true}"""))).GetProperty("task");
        string next = A2AStoresProcess.Message(configuration: """{"returnImmediately":true}""").Replace(
            "\"messageId\"", $"\"taskId\":\"{task.GetProperty("id").GetString()}\",\"messageId\"", StringComparison.Ordinal);
        for (int i = 1; i < 16; i++)
        {
            await agent.CallAsync("SendMessage", next);
        }

        (HttpStatusCode _, string answer) = await agent.SendAsync(HttpMethod.Post, "a2a", A2AStoresProcess.Rpc("SendMessage", next));

        Assert.Equal(-32004, JsonElement.Parse(answer).GetProperty("error").GetProperty("code").GetInt32());
    }

    [Fact]
    public async Task Stop_waits_for_a_receiver_that_answers_after_six_seconds()
    {
        using TcpListener receiver = new(IPAddress.Loopback, 0);
        receiver.Start();
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();
        await EndTaskAsync(agent, receiver.LocalEndpoint);
        using TcpClient notification = await receiver.AcceptTcpClientAsync();

        Task stopped = agent.StopAsync();
        await Task.WhenAny(stopped, Task.Delay(TimeSpan.FromSeconds(6)));
        await notification.GetStream().WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        await stopped;

        Assert.Contains("1 attempts to notify are in a2a_push_log.", agent.Lines);
        Assert.DoesNotContain(agent.Lines, static line => line.Contains("waits in the outbox", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Notification_that_outlasts_the_patience_is_named_with_its_task_and_delivered_by_the_next_start()
    {
        using TcpListener receiver = new(IPAddress.Loopback, 0);
        receiver.Start();
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync(1, "--patience", "1");
        string id = await EndTaskAsync(agent, receiver.LocalEndpoint);
        string first;
        using (TcpClient notification = await receiver.AcceptTcpClientAsync())
        {
            first = await ReadHeadAsync(notification);
            await agent.StopAsync();
        }

        await using A2AStoresProcess next = await agent.RestartAsync();
        string second = await AnswerAsync(receiver);
        await next.StopAsync();

        Assert.Contains(
            agent.Lines,
            line => line.Contains(id, StringComparison.Ordinal) && line.Contains("waits in the outbox", StringComparison.Ordinal));
        Assert.Equal(IdempotencyKey(first), IdempotencyKey(second));
        Assert.DoesNotContain(next.Lines, static line => line.Contains("waits in the outbox", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Notification_that_waits_when_the_agent_is_killed_is_delivered_by_the_next_start()
    {
        using TcpListener receiver = new(IPAddress.Loopback, 0);
        receiver.Start();
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();
        await EndTaskAsync(agent, receiver.LocalEndpoint);
        string first;
        using (TcpClient notification = await receiver.AcceptTcpClientAsync())
        {
            first = await ReadHeadAsync(notification);
            await agent.KillAsync();
        }

        await using A2AStoresProcess next = await agent.RestartAsync();
        string second = await AnswerAsync(receiver);
        await next.StopAsync();

        Assert.Equal(IdempotencyKey(first), IdempotencyKey(second));
        Assert.DoesNotContain(next.Lines, static line => line.Contains("waits in the outbox", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Notification_is_not_sent_again_after_its_configuration_was_deleted()
    {
        using TcpListener receiver = new(IPAddress.Loopback, 0);
        receiver.Start();
        await using A2AStoresProcess agent = await A2AStoresProcess.StartAsync();
        string id = await EndTaskAsync(agent, receiver.LocalEndpoint);
        using (TcpClient notification = await receiver.AcceptTcpClientAsync())
        {
            await ReadHeadAsync(notification);
            await agent.CallAsync("DeleteTaskPushNotificationConfig", $$"""{"taskId":"{{id}}","id":"hook"}""");
        }

        await agent.WaitForLineAsync("ended undelivered after 1 attempts: suppressed");

        Assert.False(receiver.Pending());
    }

    /// <summary>Lets a task end with a subscriber, and returns its id.</summary>
    private static async Task<string> EndTaskAsync(A2AStoresProcess agent, EndPoint subscriber)
    {
        string config = $$$"""{"taskPushNotificationConfig":{"id":"hook","url":"http://{{{subscriber}}}/"} }""";
        JsonElement answer = await agent.CallAsync("SendMessage", A2AStoresProcess.Message(configuration: config));
        return answer.GetProperty("task").GetProperty("id").GetString()!;
    }

    /// <summary>Accepts the next notification, answers it, and returns its head.</summary>
    private static async Task<string> AnswerAsync(TcpListener receiver)
    {
        using TcpClient notification = await receiver.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromMinutes(1));
        string head = await ReadHeadAsync(notification);
        await notification.GetStream().WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        return head;
    }

    private static async Task<string> ReadHeadAsync(TcpClient notification)
    {
        StringBuilder head = new();
        byte[] buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int read = await notification.GetStream().ReadAsync(buffer);
            Assert.NotEqual(0, read);
            head.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }

        return head.ToString();
    }

    private static string IdempotencyKey(string head) =>
        Assert.Single(head.Split("\r\n"), static line => line.StartsWith("Idempotency-Key:", StringComparison.OrdinalIgnoreCase));

    private static async Task<string> CardUrlAsync(A2AStoresProcess agent, string host)
    {
        (HttpStatusCode status, string card) =
            await agent.SendAsync(HttpMethod.Get, ".well-known/agent-card.json", with: request => request.Headers.Host = host);
        Assert.Equal(HttpStatusCode.OK, status);
        return JsonElement.Parse(card).GetProperty("supportedInterfaces")[0].GetProperty("url").GetString()!;
    }
}
