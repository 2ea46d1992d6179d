using System.Net;
using System.Text.Json;
using Adcp.Aot.Operations;
using Adcp.Aot.Testing;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>Isolating and pausing an outbox by the operator API.</summary>
public sealed class SwitchesApiTests
{
    [Fact]
    public async Task Endpoint_of_dead_letters_is_isolated_with_a_reason_and_reset()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();
        DeadLetter letter = Assert.Single(await operated.KillAsync(1));
        string address = "/adcp/api/endpoints/" + letter.EndpointId;
        operated.Receiver.Otherwise = ReceiverAnswer.Ok;

        JsonElement isolated = await JsonAsync(await operated.PostAsync(address + "/isolate", """{"reason":"buyer is down"}"""));
        JsonElement listed = await JsonAsync(await operated.GetAsync("/adcp/api/endpoints?state=isolated"));
        JsonElement status = await JsonAsync(await operated.GetAsync("/adcp/api/status"));
        await operated.Outbox.EnqueueAsync(null, [operated.Item("task_9")]);
        await OperatedOutbox.UntilAsync(async () => await operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 1 });
        int before = operated.Receiver.Count;
        JsonElement reset = await JsonAsync(await operated.PostAsync(address + "/reset"));
        await OperatedOutbox.UntilAsync(async () => await operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });
        using HttpResponseMessage unknown = await operated.PostAsync("/adcp/api/endpoints/0123456789abcdef/isolate");

        JsonElement one = Assert.Single(listed.GetProperty("items").EnumerateArray());
        foreach (JsonElement endpoint in new[] { isolated, one })
        {
            Assert.Equal("isolated", endpoint.GetProperty("state").GetString());
            Assert.Equal("alice", endpoint.GetProperty("isolation").GetProperty("actor").GetString());
            Assert.Equal("buyer is down", endpoint.GetProperty("isolation").GetProperty("reason").GetString());
            Assert.DoesNotContain("in-the-query", endpoint.GetRawText(), StringComparison.Ordinal);
        }

        Assert.Equal(1, status.GetProperty("isolated_endpoints").GetInt32());
        Assert.Equal("closed", reset.GetProperty("state").GetString());
        Assert.False(reset.TryGetProperty("isolation", out _));
        Assert.Equal(before + 1, operated.Receiver.Count);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task All_deliveries_are_paused_and_resumed()
    {
        await using OperatedOutbox operated = await OperatedOutbox.StartAsync();

        JsonElement features = await JsonAsync(await operated.GetAsync("/adcp/api/features"));
        JsonElement paused = await JsonAsync(await operated.PostAsync("/adcp/api/pause", """{"reason":"incident 7"}"""));
        await operated.Outbox.EnqueueAsync(null, [operated.Item("task_1")]);
        JsonElement status = await JsonAsync(await operated.GetAsync("/adcp/api/status"));
        int before = operated.Receiver.Count;
        JsonElement resumed = await JsonAsync(await operated.PostAsync("/adcp/api/resume"));
        await OperatedOutbox.UntilAsync(async () => await operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 0 });

        Assert.True(features.GetProperty("pause").GetBoolean());
        Assert.Equal("incident 7", paused.GetProperty("pause").GetProperty("reason").GetString());
        Assert.Equal("alice", status.GetProperty("pause").GetProperty("actor").GetString());
        Assert.False(resumed.TryGetProperty("pause", out _));
        Assert.Equal((0, 1), (before, operated.Receiver.Count));
        Assert.Equal(["resume", "pause"], (await operated.Operations.ListActionsAsync()).Select(static action => action.Action));
    }

    [Fact]
    public async Task A_supervisor_in_memory_cannot_be_paused()
    {
        await using OperatedSupervisor operated = await OperatedSupervisor.StartAsync();

        using HttpResponseMessage answer = await operated.PostAsync("/adcp/api/pause");
        JsonElement features = await JsonAsync(await operated.GetAsync("/adcp/api/features"));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.False(features.GetProperty("pause").GetBoolean());
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            string body = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {body}");
            return JsonDocument.Parse(body).RootElement;
        }
    }
}
