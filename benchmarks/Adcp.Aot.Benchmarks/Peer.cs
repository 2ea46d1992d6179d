using Adcp.Aot.Sending;
using Polly;
using Polly.CircuitBreaker;
using Polly.Registry;
using Polly.Retry;

namespace Adcp.Aot.Benchmarks;

/// <summary>The same sender behind Polly.Core's retry and circuit breaker, used the way that costs Polly least: static callbacks, typed pipelines, no telemetry.</summary>
internal sealed class Peer
{
    private static readonly Func<(CompletedSender Sender, PreparedWebhook Webhook), CancellationToken, ValueTask<WebhookDeliveryResult>> Send =
        static (state, cancellationToken) => state.Sender.SendAsync(state.Webhook, cancellationToken);

    private static readonly Func<ResilienceContext, (CompletedSender Sender, PreparedWebhook Webhook), ValueTask<Outcome<WebhookDeliveryResult>>> SendOutcome =
        static (context, state) => new(Outcome.FromResult(state.Sender.SendAsync(state.Webhook, context.CancellationToken).Result));

    private readonly (CompletedSender Sender, PreparedWebhook Webhook) _state;
    private readonly ResiliencePipeline<WebhookDeliveryResult> _both;
    private readonly ResiliencePipeline<WebhookDeliveryResult> _open;
    private readonly ResiliencePipeline<WebhookDeliveryResult> _zeroDelay;
    private readonly (CompletedSender Sender, PreparedWebhook Webhook) _flaky;
    private readonly ResiliencePipelineRegistry<string> _registry = new();
    private readonly string[] _keys;
    private int _next;

    internal Peer(Ours ours)
    {
        _state = (ours.Sender, ours.Webhook);
        _both = Built(TimeSpan.FromSeconds(1));
        _zeroDelay = Built(TimeSpan.Zero);
        _flaky = (new CompletedSender(new WebhookDeliveryResult(ours.Webhook, 503), new WebhookDeliveryResult(ours.Webhook, 200)), ours.Webhook);
        _keys = ours.Keys;
        foreach (string key in _keys)
        {
            Add(_registry, key);
        }

        _open = new ResiliencePipelineBuilder<WebhookDeliveryResult>().AddCircuitBreaker(Breaker(minimum: 2)).Build();
        PreparedWebhook webhook = ours.Webhook;
        for (int i = 0; i < 2; i++)
        {
            _open.Execute(static state => new WebhookDeliveryResult(state, 503), webhook);
        }
    }

    internal static ResiliencePipeline<WebhookDeliveryResult> Add(ResiliencePipelineRegistry<string> registry, string key) =>
        registry.GetOrAddPipeline<WebhookDeliveryResult>(key, static builder => AddBoth(builder, TimeSpan.FromSeconds(1)));

    internal bool ByHandle() => _both.ExecuteAsync(Send, _state, default).Result.Ok;

    internal bool OneFailure() => _zeroDelay.ExecuteAsync(Send, _flaky, default).Result.Ok;

    internal bool ByKey()
    {
        int i = _next;
        _next = (i + 4_909) % _keys.Length;
        return Add(_registry, _keys[i]).ExecuteAsync(Send, _state, default).Result.Ok;
    }

    internal bool RejectWithoutThrow()
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get();
        Exception? refusal = _open.ExecuteOutcomeAsync(SendOutcome, context, _state).Result.Exception;
        ResilienceContextPool.Shared.Return(context);
        return refusal is not null;
    }

    internal bool RejectByThrow()
    {
        try
        {
            _ = _open.ExecuteAsync(Send, _state, default).Result;
            return false;
        }
        catch (BrokenCircuitException)
        {
            return true;
        }
    }

    private static ResiliencePipeline<WebhookDeliveryResult> Built(TimeSpan delay)
    {
        ResiliencePipelineBuilder<WebhookDeliveryResult> builder = new();
        AddBoth(builder, delay);
        return builder.Build();
    }

    private static void AddBoth(ResiliencePipelineBuilder<WebhookDeliveryResult> builder, TimeSpan delay) => builder
        .AddRetry(new RetryStrategyOptions<WebhookDeliveryResult>
        {
            MaxRetryAttempts = 2,
            Delay = delay,
            BackoffType = delay == TimeSpan.Zero ? DelayBackoffType.Constant : DelayBackoffType.Exponential,
            UseJitter = delay != TimeSpan.Zero,
            ShouldHandle = static arguments => new(arguments.Outcome.Result is not { Ok: true }),
        })
        .AddCircuitBreaker(Breaker(minimum: 5));

    private static CircuitBreakerStrategyOptions<WebhookDeliveryResult> Breaker(int minimum) => new()
    {
        FailureRatio = 1,
        MinimumThroughput = minimum,
        SamplingDuration = TimeSpan.FromSeconds(30),
        BreakDuration = TimeSpan.FromHours(12),
        ShouldHandle = static arguments => new(arguments.Outcome.Result is not { Ok: true }),
    };
}
