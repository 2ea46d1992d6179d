using System.Text;
using System.Text.Json;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Platform.Tests;

/// <summary>A wired seller over a recording sender, with a clock that the test turns.</summary>
internal sealed class Bench : IAsyncDisposable
{
    public const string Push = """{"url":"https://buyer.example/hooks/a?x=1","operation_id":"op_1","token":"a-token-of-sixteen"}""";

    public Bench(
        AdcpVersion version, Func<PlatformOptions, PlatformOptions>? configure = null, bool senderOnly = false, bool unwired = false)
    {
        Sender = TestSenders.Of(version, Time);
        Supervisor = new InMemoryWebhookDeliverySupervisor(Sender,
            new WebhookSupervisorOptions { TimeProvider = Time, Retry = new RetryPolicy { MaxAttempts = 5 } });
        PlatformOptions options = new()
        {
            Version = version,
            EmitsInlineCompletions = true,
            TimeProvider = Time,
            SigningKeys = [Sender.Key],
            WebhookSigning = new WebhookSigningCapability { Algorithms = [Sender.Key.Algorithm], AllowsLegacyAuthentication = true },
            AllowsProcessLocalDelivery = version == AdcpVersion.V32,
            Logger = Log,
        };
        Handler = AdcpServer.CreateFromPlatform(
            Platform, configure?.Invoke(options) ?? options, unwired ? null : Sender, senderOnly || unwired ? null : Supervisor);
    }

    public TurnedTime Time { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    public CapturedLog Log { get; } = new();

    public TestPlatform Platform { get; } = new();

    public RecordingSender Sender { get; }

    /// <summary>Lets all attempts wait until the returned source is completed.</summary>
    public TaskCompletionSource HoldAttempts()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Sender.Otherwise = async (webhook, _, cancellationToken) =>
        {
            await gate.Task.WaitAsync(cancellationToken);
            return new WebhookSendResult(webhook, 200);
        };
        return gate;
    }

    public InMemoryWebhookDeliverySupervisor Supervisor { get; }

    public PlatformHandler Handler { get; }

    /// <summary>Returns the arguments with a key of their own if they have none.</summary>
    public static string Keyed(string arguments) =>
        arguments.Contains("\"idempotency_key\"", StringComparison.Ordinal) || !arguments.StartsWith('{')
        ? arguments
        : $$"""{"idempotency_key":"{{Guid.NewGuid()}}"{{(arguments is "{}" ? "" : ",")}}{{arguments[1..]}}""";

    public ValueTask<ToolReply> CallAsync(string tool, string arguments, string tenant = "buyer")
    {
        using JsonDocument document = JsonDocument.Parse(Keyed(arguments));
        return Handler.CallAsync(tool, document.RootElement.Clone(), tenant);
    }

    public ValueTask<ToolReply> BuyAsync(string plan = "now", string? push = Push, string more = "") =>
        CallAsync("create_media_buy",
            $$"""{"plan":"{{plan}}","context":{"k":[1]}{{more}}{{(push is null ? "" : ",\"push_notification_config\":" + push)}}}""");

    public static JsonElement Body(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public static string Text(ToolReply reply) => Encoding.UTF8.GetString(reply.Body.Span);

    /// <summary>Turns the clock by each wait when it begins, until nothing is pending.</summary>
    public async Task SettleAsync()
    {
        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(2));
        while (Handler.PendingDeliveries > 0)
        {
            // A last attempt begins no wait: then only the count shows it. The pause is not for ordering: the loop only
            // checks again.
            Task<TimeSpan> wait = Time.NextWaitAsync(guard.Token);
            while (!wait.IsCompleted && Handler.PendingDeliveries > 0)
            {
                await Task.WhenAny(wait, Task.Delay(5, guard.Token));
                guard.Token.ThrowIfCancellationRequested();
            }

            if (wait.IsCompletedSuccessfully)
            {
                Time.Advance(await wait);
            }
        }
    }

    /// <summary>
    /// Turns the clock by half a second as long as the task runs. The pause is not for ordering: the loop only checks again.
    /// </summary>
    public async Task TurnAsync(Task task)
    {
        using CancellationTokenSource guard = new(TimeSpan.FromMinutes(1));
        while (!task.IsCompleted)
        {
            Time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(task, Task.Delay(5, guard.Token));
            guard.Token.ThrowIfCancellationRequested();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Handler.DrainAsync(TimeSpan.Zero);
        await Handler.DisposeAsync();
        await Supervisor.DisposeAsync();
        Sender.Dispose();
    }
}
