using System.Collections.Concurrent;
using System.Globalization;

namespace Adcp.Aot.Testing;

/// <summary>
/// A sender without a network: it freezes webhooks as a real sender does, keeps each attempt, and answers by a script. Thread-safe.
/// In a container it takes the real sender's place: <c>AddAdcpWebhooks().UseSender((_, sender) =&gt; new RecordingSender(sender))</c>.
/// </summary>
/// <remarks>
/// Each attempt takes the next answer of the script. When there is none left, it takes <see cref="Otherwise"/>, or 200.
/// </remarks>
public sealed class RecordingSender : IWebhookSender, IDisposable
{
    private readonly SigningKey? _ownKey;
    private readonly WebhookSender _inner;
    private readonly ConcurrentQueue<Func<PreparedWebhook, WebhookSendResult>> _script = new();
    private readonly Lock _lock = new();
    private readonly List<PreparedWebhook> _attempts = [];
    private readonly List<(int Count, TaskCompletionSource Reached)> _waiting = [];
    private readonly ConcurrentDictionary<string, int> _numbers = new(StringComparer.Ordinal);

    /// <summary>Creates a sender that answers every attempt with 200.</summary>
    /// <param name="version">The AdCP version of the bodies.</param>
    /// <param name="time">The clock of the bodies; <see langword="null"/> for the system's.</param>
    public RecordingSender(AdcpVersion version = AdcpVersion.V32, TimeProvider? time = null)
        : this(new WebhookSenderOptions
        {
            Version = version,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            TimeProvider = time ?? TimeProvider.System,
        })
    {
    }

    /// <summary>Creates a sender that freezes webhooks and judges destinations as a real sender with these options.</summary>
    /// <param name="options">The options of the real sender.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    public RecordingSender(WebhookSenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _ownKey = SigningKey.Generate(SignatureAlgorithm.Ed25519, "test-key");
        _inner = new WebhookSender(new Signing.Rfc9421Signer(_ownKey), options);
    }

    /// <summary>Creates a sender that takes the place of a real one: it has its facts, and freezes webhooks by it.</summary>
    /// <param name="sender">The real sender, which makes no attempt. The caller disposes it.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sender"/> is null.</exception>
    public RecordingSender(WebhookSender sender)
    {
        ArgumentNullException.ThrowIfNull(sender);
        _inner = sender;
    }

    /// <summary>Gets the webhooks of all attempts, in order.</summary>
    public IReadOnlyList<PreparedWebhook> Attempts
    {
        get
        {
            lock (_lock)
            {
                return [.. _attempts];
            }
        }
    }

    /// <summary>Gets the number of attempts so far.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _attempts.Count;
            }
        }
    }

    /// <summary>Gets the key that signs, made for this sender. It is disposed with it.</summary>
    /// <exception cref="InvalidOperationException">This sender takes the place of a real one, whose key it does not know.</exception>
    public SigningKey Key => _ownKey
        ?? throw new InvalidOperationException("A sender that takes the place of a real one has no key of its own.");

    /// <summary>
    /// Gets or sets the answer when the script has ended. It gets the webhook and the number of its attempt at this sender, from 1.
    /// Default <see langword="null"/>, 200.
    /// </summary>
    public Func<PreparedWebhook, int, CancellationToken, ValueTask<WebhookSendResult>>? Otherwise { get; set; }

    /// <inheritdoc/>
    public WebhookSenderFacts Facts => _inner.Facts;

    /// <summary>Answers the next attempts with statuses, then 200 again.</summary>
    /// <param name="statuses">One for each attempt, 100 to 599.</param>
    /// <exception cref="ArgumentNullException"><paramref name="statuses"/> is null.</exception>
    public RecordingSender AnswerWith(params int[] statuses)
    {
        ArgumentNullException.ThrowIfNull(statuses);
        foreach (int status in statuses)
        {
            _script.Enqueue(webhook => new WebhookSendResult(webhook, status));
        }

        return this;
    }

    /// <summary>Lets the next attempt fail without an answer.</summary>
    /// <param name="error">The fault.</param>
    public RecordingSender FailWith(WebhookSendError error)
    {
        _script.Enqueue(webhook => new WebhookSendResult(webhook, error, "scripted"));
        return this;
    }

    /// <summary>Waits until this number of attempts was made, in all.</summary>
    /// <param name="count">How many.</param>
    /// <param name="timeout">The longest wait. Default 30 seconds.</param>
    /// <exception cref="TimeoutException">Fewer were made.</exception>
    public async Task WhenSent(int count, TimeSpan? timeout = null)
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_attempts.Count >= count)
            {
                return;
            }

            _waiting.Add((count, reached));
        }

        try
        {
            await reached.Task.WaitAsync(timeout ?? TimeSpan.FromSeconds(30), TimeProvider.System).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"{Count} of {count} awaited attempts were made."));
        }
    }

    /// <inheritdoc/>
    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        _inner.Prepare(destination, payload, sequenceNumber);

    /// <inheritdoc/>
    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            _attempts.Add(webhook);
            foreach ((_, TaskCompletionSource reached) in _waiting.Where(each => each.Count <= _attempts.Count))
            {
                reached.TrySetResult();
            }
        }

        int number = _numbers.AddOrUpdate(webhook.IdempotencyKey, 1, static (_, made) => made + 1);
        return _script.TryDequeue(out Func<PreparedWebhook, WebhookSendResult>? answer) ? new(answer(webhook))
            : Otherwise is { } otherwise ? otherwise(webhook, number, cancellationToken)
            : new(new WebhookSendResult(webhook, 200));
    }

    /// <summary>Disposes the sender's own key.</summary>
    public void Dispose()
    {
        if (_ownKey is not null)
        {
            _inner.Dispose();
            _ownKey.Dispose();
        }
    }
}
