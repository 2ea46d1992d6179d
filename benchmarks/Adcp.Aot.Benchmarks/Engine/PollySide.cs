using System.Runtime.CompilerServices;
using Polly;
using Polly.CircuitBreaker;
using Polly.Registry;
using Polly.Retry;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>
/// The same senders and callers behind Polly.Core's retry and circuit breaker, used the way that costs Polly least:
/// static callbacks, typed pipelines, no telemetry. Neither records nor sequence numbers.
/// </summary>
internal sealed class PollySide
{
    private static readonly Func<(IWebhookSender, PreparedWebhook), CancellationToken, ValueTask<WebhookSendResult>> Send =
        static (state, cancellationToken) => state.Item1.SendAsync(state.Item2, cancellationToken);

    private static readonly Func<ResilienceContext, PreparedWebhook, ValueTask<Outcome<WebhookSendResult>>> NotSentOutcome =
        static (_, _) => throw new InvalidOperationException("An open circuit let a call pass.");

    private static readonly Func<PreparedWebhook, CancellationToken, ValueTask<WebhookSendResult>> NotSent =
        static (_, _) => throw new InvalidOperationException("An open circuit let a call pass.");

    private readonly AdcpSide _other;
    private readonly ResiliencePipeline<WebhookSendResult> _pipeline = Built(TimeSpan.FromSeconds(1));
    private readonly ResiliencePipeline<WebhookSendResult> _zeroDelay = Built(TimeSpan.Zero);
    private readonly ResiliencePipeline<WebhookSendResult> _open;
    private readonly ResiliencePipeline<WebhookSendResult>[] _ofEachEndpoint =
        [.. Enumerable.Range(0, AdcpSide.Endpoints).Select(static _ => Built(TimeSpan.FromSeconds(1)))];

    private int _next;

    /// <param name="other">The side whose senders, webhooks and token are used.</param>
    internal PollySide(AdcpSide other)
    {
        _other = other;
        _open = new ResiliencePipelineBuilder<WebhookSendResult>().AddCircuitBreaker(Breaker(minimum: 2)).Build();
        for (int i = 0; i < 2; i++)
        {
            _open.Execute(static state => new WebhookSendResult(state, 503), other.Webhook);
        }
    }

    internal static ResiliencePipeline<WebhookSendResult> Add(ResiliencePipelineRegistry<string> registry, string key) =>
        registry.GetOrAddPipeline<WebhookSendResult>(key, static builder => AddBoth(builder, TimeSpan.FromSeconds(1)));

    internal void Deliver(int times) => WaitingSender.AnswerAll(CallAsync(_pipeline, _other.Sender, times, _other.Token));

    internal void DeliverWithoutToken(int times) => WaitingSender.AnswerAll(CallAsync(_pipeline, _other.Sender, times));

    internal void DeliverToEach(int times) => WaitingSender.AnswerAll(CallEachAsync(times));

    internal void FailOnce(int times) => WaitingSender.AnswerAll(CallAsync(_zeroDelay, _other.FlakySender, times, _other.Token));

    internal bool DeliverCompleted() => _pipeline.ExecuteAsync(Send, (_other.CompletedSender, _other.Webhook), default).Result.Ok;

    internal bool RejectWithoutThrow()
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get();
        Exception? refusal = _open.ExecuteOutcomeAsync(NotSentOutcome, context, _other.Webhook).Result.Exception;
        ResilienceContextPool.Shared.Return(context);
        return refusal is BrokenCircuitException;
    }

    internal bool RejectByThrow()
    {
        try
        {
            return _open.ExecuteAsync(NotSent, _other.Webhook, default).Result is null;
        }
        catch (BrokenCircuitException)
        {
            return true;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CallAsync(
        ResiliencePipeline<WebhookSendResult> pipeline, IWebhookSender sender, int times, CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < times; i++)
        {
            WebhookSendResult result = await pipeline.ExecuteAsync(Send, (sender, _other.Webhook), cancellationToken);
            Require(result.Ok);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CallEachAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            PreparedWebhook webhook = _other.EachEndpoint[_next];
            ResiliencePipeline<WebhookSendResult> pipeline = _ofEachEndpoint[_next];
            _next = (_next + 4_909) % AdcpSide.Endpoints;
            WebhookSendResult result = await pipeline.ExecuteAsync(Send, (_other.Sender, webhook), _other.Token);
            Require(result.Ok);
        }
    }

    private static void Require(bool ok)
    {
        if (!ok)
        {
            throw new InvalidOperationException("The call did something else than its name says.");
        }
    }

    private static ResiliencePipeline<WebhookSendResult> Built(TimeSpan delay)
    {
        ResiliencePipelineBuilder<WebhookSendResult> builder = new();
        AddBoth(builder, delay);
        return builder.Build();
    }

    private static void AddBoth(ResiliencePipelineBuilder<WebhookSendResult> builder, TimeSpan delay) => builder
        .AddRetry(new RetryStrategyOptions<WebhookSendResult>
        {
            MaxRetryAttempts = 2,
            Delay = delay,
            BackoffType = delay == TimeSpan.Zero ? DelayBackoffType.Constant : DelayBackoffType.Exponential,
            UseJitter = delay != TimeSpan.Zero,
            ShouldHandle = static arguments => new(arguments.Outcome.Result is not { Ok: true }),
        })
        .AddCircuitBreaker(Breaker(minimum: 5));

    private static CircuitBreakerStrategyOptions<WebhookSendResult> Breaker(int minimum) => new()
    {
        FailureRatio = 1,
        MinimumThroughput = minimum,
        SamplingDuration = TimeSpan.FromSeconds(30),
        BreakDuration = TimeSpan.FromHours(12),
        ShouldHandle = static arguments => new(arguments.Outcome.Result is not { Ok: true }),
    };
}
