using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Network;

public sealed class PinnedConnectorTests : IDisposable
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
    private readonly List<Socket> _sockets = [];

    public void Dispose()
    {
        _sockets.ForEach(static socket => socket.Dispose());
        _key.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public async Task Address_behind_silent_ones_is_reached(int silent)
    {
        await using RawReceiver receiver = Closing();
        IPAddress[] dead = [.. Enumerable.Range(2, silent).Select(i => Silent(i, receiver.Port))];
        using WebhookSender sender = Sender([.. dead, IPAddress.Loopback]);

        WebhookSendResult result = await sender.SendAsync(
            sender.Prepare(new WebhookDestination($"http://buyer.example:{receiver.Port}/"), new RawPayload()));

        Assert.Equal(200, result.StatusCode);
    }

    [Fact]
    public async Task Address_behind_refusing_ones_is_reached_and_one_refusal_of_all_is_reported()
    {
        await using RawReceiver receiver = Closing();
        IPAddress[] refusing = [.. Enumerable.Range(2, 20).Select(static i => new IPAddress([127, 0, 0, (byte)i]))];
        using WebhookSender good = Sender([.. refusing, IPAddress.Loopback]);
        using WebhookSender bad = Sender(refusing);
        WebhookDestination destination = new($"http://buyer.example:{receiver.Port}/");

        Assert.Equal(200, (await good.SendAsync(good.Prepare(destination, new RawPayload()))).StatusCode);
        WebhookSendResult refused = await bad.SendAsync(bad.Prepare(destination, new RawPayload()));

        Assert.Equal((WebhookSendError.ConnectionFailed, "connection refused"), (refused.Error, refused.ErrorDetail));
    }

    [Fact]
    public async Task Address_without_a_route_moves_on_to_the_next()
    {
        await using RawReceiver receiver = Closing();

        // A broadcast address is refused by the kernel before anything is sent.
        using WebhookSender sender = Sender([IPAddress.Parse("127.255.255.255"), IPAddress.Loopback]);

        WebhookSendResult result = await sender.SendAsync(
            sender.Prepare(new WebhookDestination($"http://buyer.example:{receiver.Port}/"), new RawPayload()));

        Assert.Equal(200, result.StatusCode);
    }

    [Fact]
    public void Families_take_turns_and_the_address_that_worked_comes_first()
    {
        IPAddress[] addresses = Parse("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2");

        Assert.Equal(
            Parse("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"),
            PinnedConnector.InOrder(addresses, null));
        Assert.Equal(
            Parse("192.0.2.2", "2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"),
            PinnedConnector.InOrder(addresses, IPAddress.Parse("192.0.2.2")));
        Assert.Equal(
            PinnedConnector.InOrder(addresses, null),
            PinnedConnector.InOrder(addresses, IPAddress.Parse("198.51.100.1")));
    }

    [Fact]
    public async Task Address_that_worked_is_the_first_of_the_next_connection()
    {
        await using RawReceiver receiver = Closing();
        await using RawReceiver other = Closing(new IPAddress([127, 0, 0, 2]));
        HostMemory hosts = new();
        PinnedConnector connector = new(
            new DestinationGuard(new DestinationGuardOptions
            {
                AllowPrivateNetworks = true,
                Resolver = static (_, _) => Task.FromResult(new[] { new IPAddress([127, 0, 0, 2]), IPAddress.Loopback }),
            }),
            TimeSpan.FromMinutes(1),
            TimeProvider.System,
            hosts);
        using SocketsHttpHandler handler = new() { ConnectCallback = connector.ConnectAsync };
        using HttpMessageInvoker http = new(handler);
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://buyer.example:{receiver.Port}/");
        request.Content = new ByteArrayContent([]);

        using HttpResponseMessage response = await http.SendAsync(request, CancellationToken.None);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(IPAddress.Loopback, hosts["buyer.example", receiver.Port].Worked);
    }

    [Fact]
    public void Memory_of_hosts_is_bounded()
    {
        HostMemory hosts = new();
        for (int port = 1; port <= HostMemory.MaxHosts; port++)
        {
            hosts["buyer.example", port].IgnoresExpect = true;
        }

        Assert.True(hosts.IgnoresExpect("buyer.example", 1));
        Assert.False(hosts["buyer.example", HostMemory.MaxHosts + 1].IgnoresExpect);
        Assert.False(hosts.IgnoresExpect("buyer.example", 1));
    }

    private static RawReceiver Closing(IPAddress? address = null) => new(
        static async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync(headers: "Connection: close\r\n");
        },
        address);

    private static IPAddress[] Parse(params string[] addresses) => [.. addresses.Select(IPAddress.Parse)];

    /// <summary>An address at which the kernel drops every attempt to connect: its queue of connections is full.</summary>
    private IPAddress Silent(int last, int port)
    {
        IPAddress address = new([127, 0, 0, (byte)last]);
        Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(address, port));
        listener.Listen(0);
        Socket filler = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        filler.Connect(address, port);
        _sockets.AddRange([listener, filler]);
        return address;
    }

    private WebhookSender Sender(IPAddress[] addresses) => new(new Rfc9421Signer(_key), new WebhookSenderOptions
    {
        Version = AdcpVersion.V32,
        AllowHttp = true,
        AllowPrivateNetworks = true,
        AttemptTimeout = TimeSpan.FromMinutes(2),
        ConnectTimeout = TimeSpan.FromMinutes(1),
        Resolver = (_, _) => Task.FromResult(addresses),
    });
}
