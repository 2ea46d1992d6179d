using System.Text.Json.Serialization;

namespace Adcp.Aot.Platform.Tests;

public sealed record BuyRequest([property: JsonPropertyName("plan")] string Plan = "now",
    [property: JsonPropertyName("budget")] decimal Budget = 0);

public sealed record BuyResponse([property: JsonPropertyName("media_buy_id")] string MediaBuyId);

public sealed record AccountsResponse([property: JsonPropertyName("accounts")] IReadOnlyList<AccountEntry> Accounts);

public sealed record AccountEntry(
    [property: JsonPropertyName("account_id")] string AccountId,
    [property: JsonPropertyName("authentication")] Secret Authentication,
    [property: JsonPropertyName("billing_entity")] Billing Billing);

public sealed record Secret([property: JsonPropertyName("schemes")] string[] Schemes,
    [property: JsonPropertyName("credentials")] string Credentials);

public sealed record Billing([property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("bank")] string Bank);

[JsonSerializable(typeof(BuyRequest))]
[JsonSerializable(typeof(BuyResponse))]
[JsonSerializable(typeof(AccountsResponse))]
[JsonSerializable(typeof(string))]
internal sealed partial class TestJson : JsonSerializerContext;

/// <summary>A seller as the generator wires it.</summary>
[AdcpPlatform(typeof(TestJson))]
internal sealed partial class TestPlatform
{
    public int Performed { get; private set; }

    /// <summary>The calls of the tool that only reads.</summary>
    public int Read { get; private set; }

    /// <summary>The exception of plan "fault".</summary>
    public Exception? Fault { get; set; }

    public List<string> Tasks { get; } = [];

    public List<string?> Keys { get; } = [];

    /// <summary>The outcomes of the works of plans "work...", in the order of their calls.</summary>
    public List<Task<WorkOutcome>> Works { get; } = [];

    public int Worked => _worked;

    /// <summary>Reached by each call of plan "wait", which then waits for <see cref="Go"/>.</summary>
    public SemaphoreSlim Waiting { get; } = new(0);

    public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _worked;

    [AdcpTool("create_media_buy", Description = "Buys.")]
    public async ValueTask<ToolOutcome<BuyResponse>> CreateMediaBuyAsync(BuyRequest request, ToolCall call,
        CancellationToken cancellationToken)
    {
        Performed++;
        Keys.Add(call.IdempotencyKey);
        switch (request.Plan)
        {
            case "later":
                HandedOff task = await call.HandOffAsync(cancellationToken: cancellationToken);
                Tasks.Add(task.TaskId);
                return task;
            case "work":
            case "work_deaf":
            case "work_null":
            case "work_lost":
            case "work_thrown":
                return await HandOffAsync(request.Plan, call, cancellationToken);
            case "refuse":
                throw new AdcpErrorException(new AdcpError("BUDGET_TOO_LOW", "More, please.", "budget"));
            case "deaf":
                Waiting.Release();
                await Go.Task;
                return new BuyResponse("mb_" + Performed);
            case "wait":
                Waiting.Release();
                await Go.Task.WaitAsync(cancellationToken);
                return new BuyResponse("mb_" + Performed);
            case "fault":
                throw Fault!;
            case "break":
                throw new FormatException("secret detail");
            default:
                return new BuyResponse("mb_" + Performed);
        }
    }

    private async ValueTask<ToolOutcome<BuyResponse>> HandOffAsync(string plan, ToolCall call, CancellationToken cancellationToken)
    {
        ToolOutcome<BuyResponse> outcome = await call.HandOffAsync(
            async token =>
            {
                Interlocked.Increment(ref _worked);
                Waiting.Release();
                if (plan == "work_null")
                {
                    return null!;
                }

                await (plan == "work_deaf" ? Go.Task : Go.Task.WaitAsync(token));
                return new BuyResponse("mb_" + _worked);
            },
            cancellationToken: cancellationToken);
        Tasks.Add(outcome.Task!.TaskId);
        Works.Add(outcome.Task.Ended!);
        return plan switch
        {
            "work_lost" => new BuyResponse("mb_now"),
            "work_thrown" => throw new FormatException("secret detail"),
            _ => outcome,
        };
    }

    [AdcpTool("sync_accounts")]
    public static Task<AccountsResponse> SyncAccountsAsync() => Task.FromResult(new AccountsResponse(
        [new AccountEntry("a1", new Secret(["Bearer"], "0123456789abcdef0123456789abcdef"), new Billing("ACME", "DE0212"))]));

    [AdcpTool("get_signals")]
    public static ValueTask<BuyResponse> GetSignalsAsync(ToolCall call, BuyRequest request) =>
        new(new BuyResponse(request.Plan + call.Tenant));

    [AdcpTool("get_products")]
    public async ValueTask<ToolOutcome<BuyResponse>> GetProductsAsync(
        ToolCall call, BuyRequest request, CancellationToken cancellationToken)
    {
        Read++;
        if (request.Plan is not ("later" or "later_broken"))
        {
            return new BuyResponse(request.Plan + call.Tenant);
        }

        HandedOff task = await call.HandOffAsync(cancellationToken: cancellationToken);
        Tasks.Add(task.TaskId);
        return request.Plan == "later" ? task : throw new FormatException("secret detail");
    }

    [AdcpTool("seller_ping")]
    public static ValueTask<BuyResponse> PingAsync(ToolCall call) => new(new BuyResponse(call.Tenant));
}
