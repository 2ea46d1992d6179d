using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Sending;

public sealed class Http2ConnectionTests : IAsyncLifetime
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
    private readonly FakeTimeProvider _time = new();
    private RecordingReceiver _server = null!;
    private TcpRelay _relay = null!;
    private WebhookSender _sender = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RecordingReceiver.StartAsync(http2: true);
        _relay = new TcpRelay(_server.BaseUrl);
        _sender = new WebhookSender(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            Http2 = true,
            TimeProvider = _time,
        });
    }

    public async ValueTask DisposeAsync()
    {
        _sender.Dispose();
        await _relay.DisposeAsync();
        await _server.DisposeAsync();
        _key.Dispose();
    }

    [Fact]
    public async Task Kept_connection_that_is_reset_before_an_answer_is_replaced_within_the_attempt()
    {
        Assert.True((await SendAsync()).Ok);
        bool first = true;
        _server.Answer = async http =>
        {
            if (first)
            {
                first = false;
                _relay.Reset();
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        };

        WebhookSendResult result = await SendAsync();

        Assert.Equal((200, true), (result.StatusCode, result.ConnectionReplaced));
        Assert.Equal((3, 2), (_server.Requests.Count, _relay.Accepted));
        Assert.NotEqual(_server.Requests.ElementAt(1).Headers["Signature"], _server.Requests.ElementAt(2).Headers["Signature"]);
        Assert.Equal(_server.Requests.ElementAt(1).Body, _server.Requests.ElementAt(2).Body);
    }

    [Fact]
    public async Task Ten_requests_on_one_connection_that_is_reset_are_all_delivered()
    {
        Assert.True((await SendAsync()).Ok);
        TaskCompletionSource ten = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int arrived = 0;
        _server.Answer = async _ =>
        {
            int number = Interlocked.Increment(ref arrived);
            if (number == 10)
            {
                _relay.Reset();
                ten.SetResult();
            }

            await (number <= 10 ? ten.Task : Task.CompletedTask);
        };

        WebhookSendResult[] results = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => SendAsync()));

        Assert.All(results, static result => Assert.Equal((200, true), (result.StatusCode, result.ConnectionReplaced)));
    }

    [Fact]
    public async Task Connection_that_is_new_and_reset_counts()
    {
        _server.Answer = async http =>
        {
            _relay.Reset();
            await Task.Delay(Timeout.Infinite, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        };

        WebhookSendResult result = await SendAsync();

        Assert.Equal((WebhookSendError.ConnectionFailed, false), (result.Error, result.ConnectionReplaced));
    }

    [Fact]
    public async Task Connection_that_went_silent_costs_one_time_out_and_is_not_used_again()
    {
        Assert.True((await SendAsync()).Ok);
        Task swallowed = _relay.Silence();

        Task<WebhookSendResult> sending = SendAsync();
        await swallowed;
        _time.Advance(TimeSpan.FromSeconds(10));
        WebhookSendResult silent = await sending;
        WebhookSendResult next = await SendAsync();

        Assert.Equal((WebhookSendError.Timeout, false), (silent.Error, silent.ConnectionReplaced));
        Assert.Equal(200, next.StatusCode);
        Assert.Equal(2, _relay.Accepted);
    }

    [Fact]
    public async Task Slow_answer_on_a_connection_that_others_hear_from_leaves_it_open()
    {
        TaskCompletionSource slow = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _server.Answer = async http =>
        {
            if (http.Request.Path == "/slow")
            {
                slow.SetResult();
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        };
        Assert.True((await SendAsync()).Ok);

        Task<WebhookSendResult> sending = SendAsync(_relay.Url.Replace("/hook", "/slow", StringComparison.Ordinal));
        await slow.Task;
        Assert.True((await SendAsync()).Ok);
        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(WebhookSendError.Timeout, (await sending).Error);
        Assert.True((await SendAsync()).Ok);
        Assert.Equal(1, _relay.Accepted);
    }

    private async Task<WebhookSendResult> SendAsync(string? url = null) =>
        await _sender.SendAsync(_sender.Prepare(new WebhookDestination(url ?? _relay.Url), new RawPayload()));
}
