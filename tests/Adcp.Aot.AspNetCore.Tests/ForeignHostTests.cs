using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.AspNetCore.Tests;

/// <summary>Webhooks that were signed for another host, relayed with every header that some server takes for the host.</summary>
public sealed class ForeignHostTests
{
    [Theory]
    [InlineData("X-Forwarded-Host: attacker.example")]
    [InlineData("X-Forwarded-Host: attacker.example\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80")]
    [InlineData("Forwarded: for=1.2.3.4;host=attacker.example;proto=http")]
    [InlineData("X-Original-Host: attacker.example\r\nX-Host: attacker.example\r\nX-HTTP-Host-Override: attacker.example")]
    [InlineData("X-Original-URL: http://attacker.example/adcp/hook?secret=s\r\nX-Rewrite-URL: http://attacker.example/adcp/hook?secret=s")]
    [InlineData("Origin: http://attacker.example\r\nReferer: http://attacker.example/adcp/hook?secret=s")]
    [InlineData("X-Forwarded-Prefix: //attacker.example")]
    public async Task Header_that_names_the_signed_host_changes_nothing(string headers)
    {
        await using Receiver receiver = await Receiver.StartAsync();

        int own = await SendAsync(receiver, "http://attacker.example", receiver.Url.Authority, headers);
        int named = await SendAsync(receiver, "http://attacker.example", "attacker.example", headers);

        Assert.Equal((401, 401), (own, named));
        Assert.Empty(receiver.Handled);
        Assert.Equal(200, await SendAsync(receiver, null, "attacker.example", headers));
    }

    [Theory]
    [InlineData("ATTACKER.EXAMPLE")]
    [InlineData("attacker.example.")]
    [InlineData("attacker.example:80")]
    [InlineData("attacker.example:0080")]
    public async Task Spelling_of_the_signed_host_changes_nothing(string host)
    {
        await using Receiver receiver = await Receiver.StartAsync();

        Assert.Contains(await SendAsync(receiver, "http://attacker.example", host, "X: y"), (int[])[400, 401]);
        Assert.Empty(receiver.Handled);
    }

    [Fact]
    public async Task Whole_url_as_the_requests_target_changes_nothing()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        byte[] body = receiver.Prepare().Body.ToArray();
        string head = Encoding.ASCII.GetString(
            receiver.SignedHead("http://attacker.example", "attacker.example", $"Content-Length: {body.Length}", body));
        await using NetworkStream stream = await receiver.ConnectAsync();

        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(head.Replace("POST /", "POST http://attacker.example/", StringComparison.Ordinal)));
        await stream.WriteAsync(body);

        Assert.Equal(401, await Receiver.StatusAsync(stream));
        Assert.Empty(receiver.Handled);
    }

    [Theory]
    [InlineData("/adcp/hook?secret=other")]
    [InlineData("/adcp/hook")]
    [InlineData("/adcp/hook/?secret=s")]
    [InlineData("/adcp/hook?secret=s&x=1")]
    [InlineData("/adcp/hook?secret=%73")]
    public async Task Webhook_that_was_signed_for_another_path_or_query_is_refused(string target)
    {
        await using Receiver receiver = await Receiver.StartAsync();
        byte[] body = receiver.Prepare().Body.ToArray();
        string head = Encoding.ASCII.GetString(receiver.SignedHead(null, null, $"Content-Length: {body.Length}", body));
        await using NetworkStream stream = await receiver.ConnectAsync();

        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(head.Replace(receiver.Url.PathAndQuery, target, StringComparison.Ordinal)));
        await stream.WriteAsync(body);

        Assert.Equal(401, await Receiver.StatusAsync(stream));
        Assert.Empty(receiver.Handled);
    }

    [Fact]
    public async Task Webhook_that_was_signed_for_one_of_the_origins_is_refused_under_another()
    {
        await using Receiver receiver = await Receiver.StartAsync(
            options => options with { PublicOrigins = ["https://one.example", "https://two.example", "http://one.example"] });

        Assert.Equal(401, await SendAsync(receiver, "https://one.example", "two.example", "X: y"));
        Assert.Equal(401, await SendAsync(receiver, "https://two.example", "one.example", "X: y"));
        Assert.Equal(401, await SendAsync(receiver, "https://two.example", "other.example", "X: y"));
        Assert.Empty(receiver.Handled);
        Assert.Equal(200, await SendAsync(receiver, "https://two.example", "TWO.example.", "X: y"));
    }

    private static async Task<int> SendAsync(Receiver receiver, string? origin, string host, string headers)
    {
        byte[] body = receiver.Prepare().Body.ToArray();
        await using NetworkStream stream = await receiver.ConnectAsync();
        await stream.WriteAsync(receiver.SignedHead(origin, host, $"Content-Length: {body.Length}\r\n{headers}", body));
        await stream.WriteAsync(body);
        return await Receiver.StatusAsync(stream);
    }
}
