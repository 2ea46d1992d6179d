using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Sending;

/// <summary>
/// Answers whose end can be read in two ways. The status counts, and the bytes left over are never the answer to the next webhook.
/// </summary>
public sealed class AmbiguousAnswerTests : IDisposable
{
    private const string Second = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 38\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 38\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0, 38\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 38\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\r\n\r\n")]
    public async Task Rest_of_an_answer_is_not_the_answer_to_the_next_webhook(string answer)
    {
        await using RawReceiver receiver = new(async connection =>
        {
            for (int request = connection.Number; ; request++)
            {
                await connection.ReadAsync();
                await connection.SendAsync(request == 1 ? answer + Second : "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
            }
        });
        using WebhookSender sender = new(
            new Rfc9421Signer(_key), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        WebhookDestination destination = new(receiver.Url);

        WebhookSendResult first = await sender.SendAsync(sender.Prepare(destination, new RawPayload()));
        WebhookSendResult next = await sender.SendAsync(sender.Prepare(destination, new RawPayload()));

        Assert.Contains(first.StatusCode, (int[])[0, 200, 204, 304]);
        Assert.Equal((WebhookSendError.None, 500), (next.Error, next.StatusCode));
    }
}
