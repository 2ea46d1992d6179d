using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Sending;

/// <summary>The way to some destinations: certificates, roots, proxies, handlers, timeouts.</summary>
public sealed class EgressTests : IAsyncLifetime
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
    private readonly TestAuthority _authority = new("Partner");
    private readonly TestAuthority _otherAuthority = new("Other");
    private readonly ConcurrentQueue<string?> _clients = new();
    private readonly List<WebhookSender> _senders = [];
    private ClientCertificateMode _mode = ClientCertificateMode.NoCertificate;
    private RecordingReceiver _receiver = null!;
    private X509Certificate2? _certificate;
    private X509Certificate2? _otherCertificate;

    private int Port => new Uri(_receiver.BaseUrl).Port;

    public async ValueTask InitializeAsync()
    {
        _receiver = await RecordingReceiver.StartAsync(https: https =>
        {
            https.ServerCertificateSelector = (_, name) => name == "b.example"
                ? _otherCertificate ??= _otherAuthority.Issue("b.example")
                : _certificate ??= _authority.Issue("a.example");
            https.OnAuthenticate = (_, tls) =>
            {
                tls.ClientCertificateRequired = _mode != ClientCertificateMode.NoCertificate;
                tls.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    certificate is not null || _mode != ClientCertificateMode.RequireCertificate;
            };
        });
        _receiver.Answer = http =>
        {
            _clients.Enqueue(http.Connection.ClientCertificate?.Subject);
            return Task.CompletedTask;
        };
    }

    public async ValueTask DisposeAsync()
    {
        _senders.ForEach(static sender => sender.Dispose());
        await _receiver.DisposeAsync();
        _authority.Dispose();
        _otherAuthority.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task A_private_root_is_trusted_for_its_destinations_only()
    {
        WebhookSender sender = Sender(Rule($"https://a.example:{Port}") with { Roots = [_authority.Root] });

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        WebhookSendResult other = await SendAsync(sender, "b.example");
        Assert.Equal(
            (WebhookSendError.ConnectionFailed, "TLS failed: the certificate leads to no trusted root"), (other.Error, other.ErrorDetail));
        Assert.True(other.IsConnectFailure);
    }

    [Fact]
    public async Task Roots_of_a_rule_replace_those_of_the_machine_and_of_other_rules()
    {
        WebhookSender sender = Sender(
            Rule($"https://a.example:{Port}") with { Roots = [_otherAuthority.Root] },
            Rule($"https://b.example:{Port}") with { Roots = [_otherAuthority.Root] });

        Assert.Equal(WebhookSendError.ConnectionFailed, (await SendAsync(sender, "a.example")).Error);
        Assert.Equal(200, (await SendAsync(sender, "b.example")).StatusCode);
    }

    [Fact]
    public async Task A_certificate_for_another_host_and_an_expired_one_are_refused_by_their_cause()
    {
        _certificate = _authority.Issue("c.example");
        WebhookSender sender = Sender(Rule("*") with { Roots = [_authority.Root] });
        Assert.Equal("TLS failed: the certificate is for another host", (await SendAsync(sender, "a.example")).ErrorDetail);

        _certificate = _authority.Issue("a.example", expired: true);
        Assert.Equal("TLS failed: the certificate has expired or is not valid yet", (await SendAsync(sender, "a.example")).ErrorDetail);
        Assert.Empty(_receiver.Requests);
    }

    [Fact]
    public async Task A_receiver_that_demands_a_client_certificate_gets_that_of_its_rule()
    {
        _mode = ClientCertificateMode.RequireCertificate;
        using X509Certificate2 client = _authority.Issue("seller-1", isClient: true);
        WebhookSender without = Sender(Rule("*") with { Roots = [_authority.Root] });
        WebhookSender with = Sender(Rule("*") with { Roots = [_authority.Root], ClientCertificate = client });

        Assert.Equal(WebhookSendError.ConnectionFailed, (await SendAsync(without, "a.example")).Error);
        Assert.Equal(200, (await SendAsync(with, "a.example")).StatusCode);
        Assert.Equal(["CN=seller-1"], _clients);
    }

    [Fact]
    public async Task Renewed_certificates_are_used_by_the_next_request_and_one_under_way_ends_on_its_connection()
    {
        _mode = ClientCertificateMode.RequireCertificate;
        using X509Certificate2 first = _authority.Issue("seller-1", isClient: true);
        using X509Certificate2 second = _authority.Issue("seller-2", isClient: true);
        EgressCertificates certificates = new(first, [_authority.Root]);
        WebhookSender sender = Sender(Rule("*") with { Certificates = certificates });
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        TaskCompletionSource arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Func<Microsoft.AspNetCore.Http.HttpContext, Task> once = _receiver.Answer;
        _receiver.Answer = async http =>
        {
            arrived.SetResult();
            await answer.Task;
            await once(http);
        };
        Task<WebhookSendResult> underWay = SendAsync(sender, "a.example");
        await arrived.Task;
        _receiver.Answer = once;

        certificates.Update(second, [_authority.Root]);
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        answer.SetResult();

        Assert.Equal(200, (await underWay).StatusCode);
        Assert.Equal(["CN=seller-1", "CN=seller-2", "CN=seller-1"], _clients);
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.Equal("CN=seller-2", _clients.Last());
    }

    [Fact]
    public async Task Connections_of_replaced_certificates_are_disposed_when_their_requests_have_ended()
    {
        EgressCertificates certificates = new(roots: [_authority.Root]);
        FakeTimeProvider time = new(DateTimeOffset.UtcNow);
        List<NotingHandler> handlers = [];
        TimeSpan timeout = TimeSpan.FromSeconds(7);
        WebhookSender sender = Sender(time, Rule("*") with
        {
            Certificates = certificates,
            AttemptTimeout = timeout,
            WrapHandler = inner =>
            {
                NotingHandler handler = new(inner);
                handlers.Add(handler);
                return handler;
            },
        });
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        using X509Certificate2 another = X509CertificateLoader.LoadCertificate(_authority.Root.RawData);
        certificates.Update(null, [another]);
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);

        time.Advance((2 * timeout) - TimeSpan.FromMilliseconds(1));
        bool early = handlers[0].IsDisposed;
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal((false, true, false), (early, handlers[0].IsDisposed, handlers[1].IsDisposed));
        Assert.Equal(2, handlers.Count);
    }

    [Fact]
    public async Task Wrapper_that_throws_at_a_renewal_fails_one_request_and_the_earlier_certificates_stay()
    {
        EgressCertificates certificates = new(roots: [_authority.Root]);
        int made = 0;
        WebhookSender sender = Sender(Rule("*") with
        {
            Certificates = certificates,
            WrapHandler = inner => ++made == 1 ? inner : throw new InvalidOperationException("no room"),
        });
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        using X509Certificate2 same = X509CertificateLoader.LoadCertificate(_authority.Root.RawData);
        certificates.Update(null, [same]);

        await Assert.ThrowsAsync<InvalidOperationException>(() => SendAsync(sender, "a.example"));

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.Equal(2, made);
    }

    [Fact]
    public async Task Renewed_roots_hold_for_the_next_request_and_refused_ones_change_nothing()
    {
        EgressCertificates certificates = new(roots: [_authority.Root]);
        WebhookSender sender = Sender(Rule("*") with { Certificates = certificates });
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        using X509Certificate2 bare = X509CertificateLoader.LoadCertificate(_authority.Root.RawData);

        Assert.Throws<ArgumentException>(() => certificates.Update(null, []));
        Assert.Throws<ArgumentException>(() => certificates.Update(bare, null));
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        certificates.Update(null, [_otherAuthority.Root]);

        Assert.Equal(WebhookSendError.ConnectionFailed, (await SendAsync(sender, "a.example")).Error);
    }

    [Fact]
    public void Rule_has_certificates_of_its_own_or_renewed_ones() => Assert.Contains(
        "has Certificates and ClientCertificate or Roots",
        Assert.Throws<ArgumentException>(
            () => Sender(Rule("*") with { Certificates = new EgressCertificates(), Roots = [_authority.Root] })).Message,
        StringComparison.Ordinal);

    [Fact]
    public async Task Connections_of_rules_are_kept_apart_so_that_no_certificate_is_shown_to_another_destination()
    {
        _mode = ClientCertificateMode.AllowCertificate;
        using X509Certificate2 first = _authority.Issue("seller-1", isClient: true);
        using X509Certificate2 second = _authority.Issue("seller-2", isClient: true);
        _certificate = _authority.Issue("*.partner.example");
        X509Certificate2[] roots = [_authority.Root];
        WebhookSender sender = Sender(
            Rule($"https://a.partner.example:{Port}") with { Roots = roots, ClientCertificate = first },
            Rule($"https://c.partner.example:{Port}") with { Roots = roots, ClientCertificate = second },
            Rule("*") with { Roots = roots });

        foreach (char host in "acdadc")
        {
            Assert.Equal(200, (await SendAsync(sender, $"{host}.partner.example")).StatusCode);
        }

        Assert.Equal(["CN=seller-1", "CN=seller-2", null, "CN=seller-1", null, "CN=seller-2"], _clients);
    }

    [Fact]
    public async Task A_proxy_is_asked_for_the_checked_address_and_sees_nothing_of_the_webhook()
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Sender(Rule("*") with { Roots = [_authority.Root], Proxy = new EgressProxy(proxy.Url) });

        WebhookSendResult first = await SendAsync(sender, "a.example");
        WebhookSendResult second = await SendAsync(sender, "a.example");

        Assert.Equal((200, 200), (first.StatusCode, second.StatusCode));
        string head = Assert.Single(proxy.Heads);
        Assert.StartsWith($"CONNECT 127.0.0.1:{Port} HTTP/1.1\r\nHost: 127.0.0.1:{Port}\r\n", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Proxy-Authorization", head, StringComparison.Ordinal);
        string seen = string.Concat(proxy.Tunnelled.Select(Encoding.Latin1.GetString));
        Assert.DoesNotContain("POST", seen, StringComparison.Ordinal);
        Assert.DoesNotContain("signature", seen, StringComparison.OrdinalIgnoreCase);
        Assert.Equal($"https://a.example:{Port}/hook", _receiver.Requests.First().Url);
    }

    [Fact]
    public async Task A_proxy_gets_its_credentials_and_the_destination_does_not()
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Sender(Rule("*") with
        {
            Roots = [_authority.Root],
            Proxy = new EgressProxy(proxy.Url) { Credentials = new NetworkCredential("seller", "p:ss") },
        });

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);

        string basic = Convert.ToBase64String("seller:p:ss"u8);
        Assert.Contains($"Proxy-Authorization: Basic {basic}\r\n", Assert.Single(proxy.Heads), StringComparison.Ordinal);
        Assert.DoesNotContain("Proxy-Authorization", Assert.Single(_receiver.Requests).Headers.Keys);
    }

    [Theory]
    [InlineData("10.1.2.3")]
    [InlineData("169.254.169.254")]
    [InlineData("fd00:ec2::254")]
    public async Task The_guard_refuses_a_name_with_a_private_address_before_the_proxy_is_asked(string address)
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Guarded(IPAddress.Parse(address), new EgressProxy(proxy.Url));

        WebhookSendResult result = await SendAsync(sender, "a.example");

        Assert.Equal(WebhookSendError.NoUsableAddress, result.Error);
        Assert.Empty(proxy.Heads);
    }

    [Fact]
    public async Task One_private_address_among_public_ones_is_refused_behind_a_proxy_too()
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Guarded(
            new EgressProxy(proxy.Url), IPAddress.Parse("93.184.215.14"), IPAddress.Parse("192.168.0.1"));

        Assert.Equal(WebhookSendError.NoUsableAddress, (await SendAsync(sender, "a.example")).Error);
        Assert.Empty(proxy.Heads);
    }

    [Fact]
    public async Task A_public_address_is_reached_through_a_proxy_at_a_private_one()
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Guarded(IPAddress.Parse("93.184.215.14"), new EgressProxy(proxy.Url));

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.StartsWith($"CONNECT 93.184.215.14:{Port} ", Assert.Single(proxy.Heads), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_ipv6_address_is_written_in_brackets()
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Guarded(IPAddress.Parse("2606:2800:21f:cb07:6820:80da:af6b:8b2c"), new EgressProxy(proxy.Url));

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.StartsWith(
            $"CONNECT [2606:2800:21f:cb07:6820:80da:af6b:8b2c]:{Port} ", Assert.Single(proxy.Heads), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_resolves_names_gets_the_name_and_the_guard_still_judges_the_url()
    {
        await using ConnectProxy proxy = new(Port);
        WebhookSender sender = Guarded(IPAddress.Parse("10.1.2.3"), new EgressProxy(proxy.Url) { ResolvesNames = true });

        // The guard cannot know the address of the name: the proxy resolves it.
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.StartsWith($"CONNECT a.example:{Port} ", Assert.Single(proxy.Heads), StringComparison.Ordinal);

        foreach (string host in new[] { "10.1.2.3", "[::1]", "metadata.google.internal", "localhost", "0x7f.1" })
        {
            Assert.Equal(WebhookSendError.DestinationRefused, (await SendAsync(sender, host)).Error);
        }

        Assert.Single(proxy.Heads);
    }

    [Theory]
    [InlineData("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", WebhookSendError.LocalNetwork, "the proxy refused: HTTP 407")]
    [InlineData("HTTP/1.1 403 Forbidden\r\n\r\n", WebhookSendError.LocalNetwork, "the proxy refused: HTTP 403")]
    [InlineData("HTTP/1.1 502 Bad Gateway\r\n\r\n", WebhookSendError.ConnectionFailed,
        "the proxy cannot reach the destination: HTTP 502")]
    [InlineData("HTTP/1.1 504 Gateway Timeout\r\n\r\n", WebhookSendError.ConnectionFailed,
        "the proxy cannot reach the destination: HTTP 504")]
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n\r\n", WebhookSendError.LocalNetwork, "the proxy gave no HTTP answer")]
    [InlineData(null, WebhookSendError.LocalNetwork, "the proxy closed the connection")]
    public async Task A_fault_of_the_proxy_is_ours_and_an_unreachable_destination_is_not(
        string? answer, WebhookSendError error, string detail)
    {
        await using ConnectProxy proxy = new(Port) { Answer = _ => answer };
        WebhookSender sender = Sender(Rule("*") with { Roots = [_authority.Root], Proxy = new EgressProxy(proxy.Url) });

        WebhookSendResult result = await SendAsync(sender, "a.example");

        Assert.Equal((error, detail), (result.Error, result.ErrorDetail));
        Assert.Equal(error == WebhookSendError.ConnectionFailed, result.IsConnectFailure);
        Assert.Empty(_receiver.Requests);
    }

    [Fact]
    public async Task An_answer_of_a_proxy_that_does_not_end_is_given_up()
    {
        await using ConnectProxy proxy = new(Port) { Answer = static _ => "HTTP/1.1 403 No\r\nX: " + new string('x', 20_000) };
        WebhookSender sender = Sender(Rule("*") with { Proxy = new EgressProxy(proxy.Url) });

        Assert.Equal(WebhookSendError.LocalNetwork, (await SendAsync(sender, "a.example")).Error);
    }

    [Fact]
    public async Task A_proxy_that_is_down_is_a_fault_of_this_network()
    {
        using Socket taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Uri url = new($"http://127.0.0.1:{((IPEndPoint)taken.LocalEndPoint!).Port}");
        WebhookSender sender = Sender(Rule("*") with { Proxy = new EgressProxy(url) });

        WebhookSendResult result = await SendAsync(sender, "a.example");

        Assert.Equal((WebhookSendError.LocalNetwork, "the proxy cannot be reached"), (result.Error, result.ErrorDetail));
        Assert.False(result.IsConnectFailure);
    }

    [Fact]
    public async Task The_next_address_is_tried_if_the_proxy_cannot_reach_the_first()
    {
        await using ConnectProxy proxy = new(Port)
        {
            Answer = static head => head.StartsWith("CONNECT 93.", StringComparison.Ordinal)
                ? "HTTP/1.1 502 Bad Gateway\r\n\r\n"
                : "HTTP/1.1 200 OK\r\n\r\n",
        };
        WebhookSender sender = Guarded(
            new EgressProxy(proxy.Url), IPAddress.Parse("93.184.215.14"), IPAddress.Parse("8.8.8.8"));

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.Equal(2, proxy.Heads.Count);
    }

    [Fact]
    public async Task A_wrapped_handler_sees_each_request_and_the_guard_stays_behind_it()
    {
        CountingHandler? counter = null;
        WebhookSender sender = Sender(Rule("*") with
        {
            Roots = [_authority.Root],
            WrapHandler = inner => counter ??= new CountingHandler { InnerHandler = inner },
        });
        WebhookSender guarded = Guarded(IPAddress.Parse("10.0.0.1"), null, static inner => new CountingHandler { InnerHandler = inner });

        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.Equal(200, (await SendAsync(sender, "a.example")).StatusCode);
        Assert.Equal(2, counter!.Count);
        Assert.Equal(WebhookSendError.NoUsableAddress, (await SendAsync(guarded, "a.example")).Error);
    }

    [Fact]
    public async Task Timeouts_of_a_rule_hold_for_its_destinations()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _receiver.Answer = _ =>
        {
            arrived.TrySetResult();
            return release.Task;
        };
        WebhookSender sender = Sender(
            time, Rule("*") with { Roots = [_authority.Root], AttemptTimeout = TimeSpan.FromSeconds(45) });
        Task<WebhookSendResult> sending = SendAsync(sender, "a.example");
        await arrived.Task;
        time.Advance(TimeSpan.FromSeconds(44));
        Assert.False(sending.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(WebhookSendError.Timeout, (await sending).Error);
        Assert.Equal(TimeSpan.FromSeconds(45), sender.Facts.AttemptTimeout);
        release.SetResult();
    }

    [Theory]
    [InlineData("https://a.example", "https://a.example/x", true)]
    [InlineData("https://A.example:443/", "https://a.example/x", true)]
    [InlineData("https://a.example", "https://a.example:8443/", false)]
    [InlineData("https://a.example:8443", "https://a.example:8443/", true)]
    [InlineData("https://a.example", "http://a.example/", false)]
    [InlineData("https://a.example", "https://b.a.example/", false)]
    [InlineData("https://*.a.example", "https://b.a.example/", true)]
    [InlineData("https://*.a.example", "https://c.b.a.example/", true)]
    [InlineData("https://*.a.example", "https://a.example/", false)]
    [InlineData("https://*.a.example", "https://ba.example/", false)]
    [InlineData("https://b\u00fccher.example", "https://xn--bcher-kva.example/", true)]
    [InlineData("*", "http://any.example:99/", true)]
    public void A_rule_is_for_its_origins(string origin, string url, bool matches)
    {
        Assert.Equal(matches, Rule(origin).Matches(new WebhookDestination(url).Target));
    }

    [Theory]
    [InlineData("a.example")]
    [InlineData("https://a.example/path")]
    [InlineData("https://a.example?q")]
    [InlineData("https://u@a.example")]
    [InlineData("https://*")]
    [InlineData("https://*a.example")]
    [InlineData("https://*.1.2.3.4")]
    [InlineData("https://a.example:port")]
    [InlineData("ftp://a.example")]
    [InlineData("")]
    [InlineData(null)]
    public void An_origin_that_is_none_is_refused(string? origin)
    {
        Assert.Throws<ArgumentException>(() => Rule(origin!));
    }

    [Fact]
    public void Bad_rules_are_refused_at_once()
    {
        using X509Certificate2 bare = X509CertificateLoader.LoadCertificate(_authority.Root.RawData);
        Assert.Throws<ArgumentException>(static () => new EgressRule { Origins = [] });
        Assert.Throws<ArgumentNullException>(static () => new EgressRule { Origins = null! });
        Assert.Throws<ArgumentException>(() => Rule("*") with { ClientCertificate = bare });
        Assert.Throws<ArgumentException>(() => Rule("*") with { Roots = [] });
        Assert.Throws<ArgumentOutOfRangeException>(() => Rule("*") with { AttemptTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => Rule("*") with { ConnectTimeout = TimeSpan.FromHours(1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => Rule("*") with { Revocation = (X509RevocationMode)9 });
        Assert.Throws<ArgumentException>(static () => new EgressProxy(new Uri("https://proxy.example")));
        Assert.Throws<ArgumentException>(static () => new EgressProxy(new Uri("http://u:p@proxy.example")));
        Assert.Throws<ArgumentException>(static () => new EgressProxy(new Uri("socks5://proxy.example")));
        Assert.Throws<ArgumentException>(static () => new EgressProxy(new Uri("http://proxy.example/pac")));
        Assert.Throws<ArgumentException>(static () => new WebhookSenderOptions { Version = AdcpVersion.V32, Egress = [null!] });
        Assert.Throws<ArgumentException>(() => new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            Egress = [.. Enumerable.Repeat(Rule("*"), 257)],
        });
    }

    [Fact]
    public void Rules_and_proxies_do_not_show_their_secrets()
    {
        EgressProxy proxy = new(new Uri("http://proxy.example:3128")) { Credentials = new NetworkCredential("user", "hunter2") };

        Assert.Equal("proxy.example:3128", proxy.ToString());
        Assert.Equal("https://a.example", (Rule("https://a.example") with { Proxy = proxy }).ToString());
    }

    private static EgressRule Rule(string origin) => new() { Origins = [origin] };

    private async Task<WebhookSendResult> SendAsync(WebhookSender sender, string host) => await sender.SendAsync(
        sender.Prepare(new WebhookDestination($"https://{host}:{Port}/hook"), new RawPayload()), TestContext.Current.CancellationToken);

    private WebhookSender Sender(params EgressRule[] rules) => Sender(TimeProvider.System, rules);

    private WebhookSender Sender(TimeProvider time, params EgressRule[] rules)
    {
        WebhookSender sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowPrivateNetworks = true,
            TimeProvider = time,
            Resolver = static (_, _) => Task.FromResult(new[] { IPAddress.Loopback }),
            Egress = rules,
        });
        _senders.Add(sender);
        return sender;
    }

    /// <summary>Creates a sender that refuses private addresses, for names with one address.</summary>
    private WebhookSender Guarded(
        IPAddress address, EgressProxy? proxy, Func<HttpMessageHandler, HttpMessageHandler>? wrap = null) => Guarded(proxy, wrap, address);

    private WebhookSender Guarded(EgressProxy? proxy, params IPAddress[] addresses) => Guarded(proxy, null, addresses);

    private WebhookSender Guarded(
        EgressProxy? proxy, Func<HttpMessageHandler, HttpMessageHandler>? wrap, params IPAddress[] addresses)
    {
        WebhookSender sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            Resolver = (_, _) => Task.FromResult(addresses),
            Egress = [Rule("*") with { Roots = [_authority.Root], Proxy = proxy, WrapHandler = wrap }],
        });
        _senders.Add(sender);
        return sender;
    }

    private sealed class CountingHandler : DelegatingHandler
    {
        public int Count { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Count++;
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>A handler that notes when it is disposed.</summary>
    private sealed class NotingHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public bool IsDisposed { get; private set; }

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }
}
