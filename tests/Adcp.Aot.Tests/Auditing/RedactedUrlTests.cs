using System.Text.RegularExpressions;
using Adcp.Aot.Auditing;
using Adcp.Aot.Network;
using Adcp.Aot.Threading;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Auditing;

public sealed partial class RedactedUrlTests
{
    private const string Lower = "abcdefghijklmnopqrstuvwxyz";
    private const string Base62 = Lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    [Theory]
    [InlineData("https://buyer.example", "https://buyer.example/")]
    [InlineData("https://buyer.example:8443/", "https://buyer.example:8443/")]
    [InlineData("https://[2606:4700::1111]/hooks", "https://[2606:4700::1111]/hooks")]
    [InlineData("https://buyer.example/api/v1/webhooks-adcp/", "https://buyer.example/api/v1/webhooks-adcp/")]
    [InlineData("https://buyer.example/v2.1//hooks", "https://buyer.example/v2.1//hooks")]
    [InlineData("https://buyer.example/hooks?token=abc", "https://buyer.example/hooks")]
    [InlineData("https://buyer.example/?abc", "https://buyer.example/")]
    [InlineData("https://buyer.example/hooks/op_1", "https://buyer.example/hooks/op_1")]
    [InlineData("https://buyer.example/hooks/op%5F1/task_9", "https://buyer.example/hooks/op_1/task_9")]
    [InlineData("https://buyer.example/hooks/Secret", "https://buyer.example/hooks/~7e32a729")]
    public void Plain_segments_and_the_delivery_s_ids_are_shown(string url, string shown)
    {
        Assert.True(TargetUri.TryParse(url, out TargetUri? target, out _));

        string redacted = RedactedUrl.Of(target, "op_1", "task_9");

        Assert.Equal(shown, redacted);
    }

    [Theory]
    [InlineData("op 1", "op%201")]
    [InlineData("op/1", "op%2F1")]
    [InlineData("op%201", "op%201")]
    public void An_id_is_known_in_its_encoded_form(string id, string segment)
    {
        Assert.True(TargetUri.TryParse($"https://buyer.example/hooks/{segment}", out TargetUri? target, out _));

        Assert.EndsWith("/" + segment, RedactedUrl.Of(target, id), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base62", Base62, 8, 64)]
    [InlineData("base64url", Base62 + "-_", 8, 64)]
    [InlineData("hexadecimal", "0123456789abcdef", 8, 64)]
    [InlineData("upper hexadecimal", "0123456789ABCDEF", 8, 64)]
    [InlineData("base32", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 8, 64)]
    [InlineData("lower base32", Lower + "234567", 8, 64)]
    [InlineData("digits", "0123456789", 5, 64)]
    [InlineData("letters", Lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8, 64)]
    [InlineData("long lower-case letters", Lower, 25, 64)]
    [InlineData("unreserved", Base62 + "-._~", 8, 64)]
    public void No_secret_in_a_path_is_ever_shown(string alphabet, string characters, int shortest, int longest)
    {
        Gen<string> secrets = Gen.Char[characters].Array[shortest, longest].Select(static chars => new string(chars));

        Gen.Select(secrets, OneOf("", "hooks/", "api/v1/hooks/"), OneOf("", "/", "/events", "?x=1")).Sample(
            (secret, before, after) =>
            {
                // The rule's own exceptions; a path of dots is no segment.
                if (Word().IsMatch(secret) || secret.All(static c => c is '.'))
                {
                    return;
                }

                Assert.True(TargetUri.TryParse($"https://buyer.example/{before}{secret}{after}", out TargetUri? target, out _), alphabet);
                string shown = RedactedUrl.Of(target!, "op_1", "task_9");

                Assert.DoesNotContain(secret, shown, StringComparison.Ordinal);
                Assert.Contains(HashOf(secret), shown, StringComparison.Ordinal);
            },
            iter: 10_000);
    }

    [Fact]
    public void A_segment_has_the_same_hash_wherever_it_stands_and_others_have_others()
    {
        string[] urls = [.. Enumerable.Range(0, 1_000).Select(static i => $"https://buyer.example/hooks/TENANT-{i}/events")];

        string[] shown = [.. urls.Select(Show)];

        Assert.Equal(urls.Length, shown.Distinct().Count());
        Assert.Equal(Show("https://other.example/TENANT-7")[^9..], Show("https://buyer.example/hooks/TENANT-7")[^9..]);
    }

    [Fact]
    public void A_path_of_many_segments_stays_short()
    {
        string shown = Show("https://buyer.example" + string.Concat(Enumerable.Repeat("/A1", 2_000)));

        Assert.True(shown.Length < 300, shown);
    }

    [Theory]
    [InlineData("tenant-7", "tenant-7")]
    [InlineData("tenant-7:https://buyer.example/hooks?token=secret", "tenant-7:https://buyer.example/hooks")]
    [InlineData("tenant-7:https://user:secret@buyer.example/hooks", "tenant-7:https://buyer.example/hooks")]
    [InlineData("tenant-7:https://buyer.example", "tenant-7:https://buyer.example")]
    [InlineData("tenant-7?token=secret", "tenant-7")]
    [InlineData("tenant#7", "tenant#7")]
    [InlineData("tenant#7:https://buyer.example/hooks#secret", "tenant#7:https://buyer.example/hooks")]
    [InlineData("tenant#7:https://buyer.example/hooks#a?b", "tenant#7:https://buyer.example/hooks")]
    [InlineData("://", "://")]
    public void A_key_that_is_made_of_a_url_is_shown_as_the_url_is(string key, string shown) =>
        Assert.Equal(shown, RedactedUrl.OfText(key));

    [Fact]
    public void A_key_shows_no_secret_of_the_path_in_it() =>
        Assert.Equal(
            "tenant-7:https://buyer.example/" + HashOf("T0123456789"), RedactedUrl.OfText("tenant-7:https://buyer.example/T0123456789"));

    [Fact]
    public void The_full_path_is_shown_on_request_and_the_query_never()
    {
        AttemptEntry entry = new()
        {
            Webhook = new PreparedWebhook(
                new WebhookDestination("https://buyer.example/T0123456789?token=secret", "op_1"), "{}"u8.ToArray(), "key_0000000000000001"),
            Context = new DeliveryOptions { BreakerKey = "tenant-7:https://buyer.example/T0123456789?token=secret" },
        };
        DeliveryAttempt record = new(new WallClock(new FakeTimeProvider()), showsFullPaths: true);

        record.Fill(entry);

        Assert.Equal(("https://buyer.example/T0123456789", "tenant-7:https://buyer.example/T0123456789"), (record.Url, record.BreakerKey));
    }

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static string Show(string url)
    {
        Assert.True(TargetUri.TryParse(url, out TargetUri? target, out _));
        return RedactedUrl.Of(target);
    }

    private static string HashOf(string segment) => "~" + LogText.Hash(segment)[..8];

    [GeneratedRegex("^(?:[a-z-]{1,24}|v[0-9]{1,3}(?:\\.[0-9]{1,3})?)$")]
    private static partial Regex Word();
}
