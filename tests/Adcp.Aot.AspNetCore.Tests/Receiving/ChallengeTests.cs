using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Platform;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Adcp.Aot.Verification;

namespace Adcp.Aot.AspNetCore.Tests.Receiving;

/// <summary>Challenges of our own sender, answered by our own receiver.</summary>
public sealed class ChallengeTests
{
    private const string Secret = "a-secret-of-the-registration-0123456789";
    private readonly List<ReceivedChallenge> _asked = [];

    [Fact]
    public async Task A_subscription_that_was_asked_for_is_proven()
    {
        await using Receiver receiver = await Receiver.StartAsync(Answering);
        Assert.Equal(ChallengeAnswer.Proven, await ProveAsync(receiver, Account(DeliveryAuthentication.Bearer(Secret))));
        Assert.Equal(ChallengeAnswer.Proven, await ProveAsync(receiver, Agent));
        Assert.Equal([(Receiver.Sender, "seller-1"), (Receiver.Sender, "seller-1")], _asked.Select(asked => (asked.Sender, asked.KeyId)));
        WebhookChallengeEnvelope account = _asked[0].Envelope;
        Assert.Equal(("acct_1", "buyer-primary", "https://seller.example/agent"),
            (account.AccountId, account.SubscriberId, account.SellerAgentUrl));
        Assert.Equal(DeliveryAuthentication.Bearer(Secret), account.DeliveryAuthentication);
        Assert.NotEqual(DeliveryAuthentication.HmacSha256(Secret), account.DeliveryAuthentication);
        Assert.Equal(["creative.purged", "creative.status_changed"], account.EventTypes);
        Assert.Null(_asked[1].Envelope.AccountId);
        Assert.Equal(DeliveryAuthentication.Rfc9421, _asked[1].Envelope.DeliveryAuthentication);
        Assert.Empty(receiver.Handled);
    }

    [Fact]
    public async Task One_that_was_not_is_refused_and_its_value_kept()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { AcceptsChallenge = (_, _) => new(false) });
        WebhookSendResult refused = await receiver.SendAsync(receiver.Seller.Prepare(receiver.Destination(), Agent));
        Assert.Equal(403, refused.StatusCode);
        Assert.Equal("""{"error_code":"challenge_not_accepted"}"""u8, refused.ResponseBody.Span);
    }

    [Fact]
    public async Task One_that_cannot_be_judged_is_not_proven()
    {
        await using Receiver receiver =
            await Receiver.StartAsync(options => options with { AcceptsChallenge = (_, _) => throw new IOException("the disk is full") });
        Assert.Equal(500, await receiver.StatusAsync(receiver.Seller.Prepare(receiver.Destination(), Agent)));
        Assert.Contains(receiver.Log.Lines,
            line => line.Contains("AcceptsChallenge failed", StringComparison.Ordinal) && line.EndsWith(nameof(IOException),
            StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_endpoint_that_expects_none_answers_none(bool acceptsOthers)
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { AcceptsOtherPayloads = acceptsOthers });
        Assert.Equal(400, await receiver.StatusAsync(receiver.Seller.Prepare(receiver.Destination(), Agent)));
        Assert.Empty(receiver.Handled);
    }

    [Fact]
    public async Task What_only_says_that_it_is_one_is_refused_with_a_code()
    {
        await using Receiver receiver = await Receiver.StartAsync(Answering);
        WebhookSendResult refused = await receiver.SendAsync(receiver.Raw("""{"type":"webhook.challenge","challenge":"short"}"""));
        Assert.Equal(400, refused.StatusCode);
        Assert.Equal("""{"error_code":"invalid_challenge"}"""u8, refused.ResponseBody.Span);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Webhooks_go_to_the_handler_as_before()
    {
        await using Receiver receiver = await Receiver.StartAsync(Answering);
        Assert.Equal(200, await receiver.StatusAsync(receiver.Prepare()));
        Assert.Equal(400, await receiver.StatusAsync(receiver.Raw("""{"type":"another"}""")));
        Assert.Single(receiver.Handled);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Where_deliveries_come_by_hmac_challenges_are_signed_and_nothing_else_is()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => Answering(options) with
        {
            Verifier = new LegacyHmacVerifier([Secret], Receiver.Sender),
            ChallengeVerifier = (Rfc9421Verifier)options.Verifier,
        });
        Assert.Equal(ChallengeAnswer.Proven, await ProveAsync(receiver, Account(DeliveryAuthentication.HmacSha256(Secret))));
        WebhookDestination byHmac = new(receiver.Url.ToString(), "op_1",
            authentication: WebhookAuthentication.FromRegistration(["HMAC-SHA256"], Secret));
        Assert.Equal(200, await receiver.StatusAsync(receiver.Seller.Prepare(byHmac, Webhook)));
        Assert.Single(receiver.Handled);

        foreach (PreparedWebhook other in (PreparedWebhook[])[receiver.Seller.Prepare(receiver.Destination(), Webhook),
            receiver.Seller.Prepare(byHmac, Agent)])
        {
            WebhookSendResult refused = await receiver.SendAsync(other);
            Assert.Equal(401, refused.StatusCode);
            Assert.Equal("Signature error=\"webhook_mode_mismatch\"", refused.ResponseHeaders!.GetValues("WWW-Authenticate").Single());
        }

        Assert.Single(receiver.Handled);
        Assert.Single(_asked);
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(true, false, true)]
    public async Task A_verifier_of_challenges_is_asked_for_where_it_is_needed_and_only_there(bool isSigned, bool accepts, bool hasVerifier)
    {
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(() => Receiver.StartAsync(options => options with
        {
            Verifier = isSigned ? options.Verifier : new LegacyHmacVerifier([Secret]),
            AcceptsChallenge = accepts ? (_, _) => new(true) : null,
            ChallengeVerifier = hasVerifier ? (Rfc9421Verifier)options.Verifier : null,
        }));
        Assert.Equal("options", refused.ParamName);
        Assert.StartsWith("ChallengeVerifier is needed", refused.Message, StringComparison.Ordinal);
    }

    private static McpWebhook Webhook => new() { TaskId = "task_1", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed };

    private static AgentWebhookChallenge Agent => new()
    {
        SubscriberId = "registry-cache",
        SellerAgentUrl = "https://seller.example/agent",
        DeliveryAuthentication = DeliveryAuthentication.Rfc9421,
    };

    private static AccountWebhookChallenge Account(DeliveryAuthentication authentication) => new()
    {
        AccountId = "acct_1",
        SubscriberId = "buyer-primary",
        SellerAgentUrl = "https://seller.example/agent",
        DeliveryAuthentication = authentication,
        EventTypes = ["creative.status_changed", "creative.purged"],
    };

    private static ValueTask<ChallengeAnswer> ProveAsync(Receiver receiver, WebhookChallenge challenge) =>
        OwnershipProof.ProveAsync(receiver.Seller, receiver.Destination(), challenge);

    private WebhookReceiverOptions Answering(WebhookReceiverOptions options) => options with
    {
        AcceptsChallenge = (challenge, _) =>
        {
            _asked.Add(challenge);
            return new(true);
        },
    };
}
