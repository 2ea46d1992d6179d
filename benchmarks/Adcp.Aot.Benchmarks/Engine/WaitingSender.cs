using System.Threading.Tasks.Sources;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>
/// A sender that waits for its answer, as every sender on a network does. It returns results made beforehand, in turn.
/// </summary>
/// <remarks>
/// <para>
/// A send returns a task that is not complete. <see cref="AnswerAll"/> completes it afterwards, from a place outside the
/// caller, and whatever awaits the send runs in there. This is the order of events over a socket: request out, control
/// back to the event loop, answer in, continuation on the thread that reports it.
/// </para>
/// <para>
/// One thing is left out on purpose: the answer comes on the thread that sent, so no delivery moves to another core. The
/// cost of a move varies by more than the cost of an engine, and a scheduler decides which deliveries move. The same
/// object serves both sides, allocates nothing, and uses neither the thread pool nor a timer.
/// </para>
/// </remarks>
internal sealed class WaitingSender(params WebhookSendResult[] results) : IWebhookSender
{
    [ThreadStatic]
    private static Answer? _answer;

    private int _next;

    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        throw new NotSupportedException();

    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
        OfThread().AwaitAsync(results.Length == 1 ? results[0] : results[_next++ % results.Length]);

    /// <summary>Answers this thread's sends, one after the other, until its caller has ended.</summary>
    /// <param name="caller">A caller that makes one delivery after the other. It has begun the first and waits for it.</param>
    /// <exception cref="InvalidOperationException">The caller waits for something other than a send of this thread.</exception>
    internal static void AnswerAll(ValueTask caller)
    {
        Answer answer = OfThread();
        while (!caller.IsCompleted)
        {
            answer.Complete();
        }

        caller.GetAwaiter().GetResult();
    }

    private static Answer OfThread() => _answer ??= new Answer();

    /// <summary>The one answer that a thread waits for, used again for each send.</summary>
    private sealed class Answer : IValueTaskSource<WebhookSendResult>
    {
        private ManualResetValueTaskSourceCore<WebhookSendResult> _source;
        private WebhookSendResult? _result;

        internal ValueTask<WebhookSendResult> AwaitAsync(WebhookSendResult result)
        {
            if (_result is not null)
            {
                throw new InvalidOperationException("A thread waits for one answer at a time.");
            }

            _source.Reset();
            _result = result;
            return new(this, _source.Version);
        }

        internal void Complete()
        {
            WebhookSendResult result = _result
                ?? throw new InvalidOperationException("The caller waits, but not for a send of this thread.");
            _result = null;
            _source.SetResult(result);
        }

        WebhookSendResult IValueTaskSource<WebhookSendResult>.GetResult(short token) => _source.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource<WebhookSendResult>.GetStatus(short token) => _source.GetStatus(token);

        void IValueTaskSource<WebhookSendResult>.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _source.OnCompleted(continuation, state, token, flags);
    }
}
