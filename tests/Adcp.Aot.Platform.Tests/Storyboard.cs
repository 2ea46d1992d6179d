using System.Text.Json;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Platform.Tests;

/// <summary>
/// A buyer that makes the calls of AdCP's storyboards. A class of it is a storyboard, and each of its tests is the step of that name, with
/// the steps before it.
/// </summary>
public abstract class Storyboard : IAsyncLifetime
{
    protected const string Account = """
        "account":{"brand":{"domain":"acmeoutdoor.example"},"operator":"pinnacle-agency.example"}
        """;

    protected const string OtherAccount = """
        "account":{"brand":{"domain":"otherbrand.example"},"operator":"other-operator.example"}
        """;

    private readonly TurnedTime _time = new(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
    private RecordingSender _sender = null!;
    private InMemoryWebhookDeliverySupervisor _supervisor = null!;

    private protected StoryboardPlatform Platform { get; } = new();

    private protected RecordingSender Sender => _sender;

    protected TimeProvider Time => _time;

    protected PlatformHandler Handler { get; private set; } = null!;

    /// <summary>Gets the answer to the last call.</summary>
    protected JsonElement Answer { get; private set; } = JsonElement.Parse("{}");

    public ValueTask InitializeAsync()
    {
        _sender = TestSenders.Of(AdcpVersion.V32, _time);
        _supervisor = new InMemoryWebhookDeliverySupervisor(_sender, new WebhookSupervisorOptions { TimeProvider = _time });
        PlatformOptions options = new()
        {
            Version = AdcpVersion.V32,
            TimeProvider = _time,
            SigningKeys = [_sender.Key],
            WebhookSigning = new WebhookSigningCapability { Algorithms = [_sender.Key.Algorithm] },
            AllowsProcessLocalDelivery = true,
            Limits = new PlatformLimits { MaxNewRequestBurst = 100 },
        };
        Platform.Options = options;
        Handler = AdcpServer.CreateFromPlatform(Platform, options, supervisor: _supervisor);
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        await Handler.DrainAsync(TimeSpan.Zero);
        await Handler.DisposeAsync();
        await _supervisor.DisposeAsync();
        _sender.Dispose();
        GC.SuppressFinalize(this);
    }

    protected static string Key() => Guid.NewGuid().ToString();

    protected static string Arguments(string step, string? key, string members, string account = Account)
    {
        string given = key is null ? "" : $"\"idempotency_key\":\"{key}\",";
        return $$"""{ {{given}}{{account}},{{members}},"context":{"correlation_id":"{{step}}"} }""";
    }

    protected void Advance(TimeSpan time) => _time.Advance(time);

    protected async Task<ToolReply> CallAsync(string tool, string arguments)
    {
        using JsonDocument document = JsonDocument.Parse(arguments);
        return await Handler.CallAsync(tool, document.RootElement, "buyer");
    }

    /// <summary>Makes the call of a step, whose answer returns its context.</summary>
    protected async Task CallAsync(string tool, string step, string? key, string members = "\"ext\":{}", string account = Account)
    {
        Answer = Bench.Body((await CallAsync(tool, Arguments(step, key, members, account))).Body);
        Assert.Equal(step, Answer.GetProperty("context").GetProperty("correlation_id").GetString());
    }

    protected JsonElement AssertError(string code, string recovery)
    {
        JsonElement error = Answer.GetProperty("adcp_error");
        Assert.Equal((code, recovery), (error.GetProperty("code").GetString(), error.GetProperty("recovery").GetString()));
        return error;
    }
}
