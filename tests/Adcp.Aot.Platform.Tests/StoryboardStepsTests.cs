using System.Text.RegularExpressions;
using Adcp.Aot.Tests;

namespace Adcp.Aot.Platform.Tests;

/// <summary>Each step of AdCP's storyboards of 3.2 is a test of that name, or is left out for a reason.</summary>
[Needs(Resource.AdcpData)]
public sealed partial class StoryboardStepsTests
{
    private const string NoTool = "Neither the library nor the Seller serves its tools. The payloads of its webhooks are tested by schema.";
    private const string NoController = "The test sets the state itself, because this platform has no test controller.";
    private const string ByVector = "The vectors that the step posts are read by WebhookEnvelopeTests.";

    /// <summary>A whole storyboard, or a step of one as <c>storyboard step</c>, with the reason.</summary>
    private static readonly Dictionary<string, string> LeftOut = new()
    {
        ["agent_notification_configs"] = NoTool,
        ["creative/creative_lifecycle_webhooks"] = NoTool,
        ["deterministic_testing"] = "About AdCP's test controller, of which the Seller has what the other storyboards need.",
        ["governance/property_list_change_webhook_signing"] = NoTool,
        ["media_buy_seller/account_change_feed"] = NoTool,
        ["media_buy_seller/delivery_reporting"] = NoTool,
        ["media_buy_seller/dependency_impairment"] = NoTool,
        ["media_buy_seller/invalid_transitions"] = "The Seller does not offer update_media_buy.",
        ["media_buy_seller/get_products_async complete_products_task"] = NoController,
        ["media_buy_seller/get_products_async force_get_products_submitted"] = NoController,
        ["notification_config_event_scope"] = NoTool,
        ["notification_config_lifecycle"] = NoTool,
        ["notification_config_rejections"] = NoTool,
        ["principal"] = NoTool,
        ["schema_validation get_products_for_formats"] = "The Seller names formats by format_ids, which is the other of two ways.",
        ["security_baseline"] = "About authentication. AdCP's own runner grades it in .ci/checks/storyboards.sh.",
        ["signals_baseline/get_signals_async complete_signals_task"] = NoController,
        ["signals_baseline/get_signals_async force_get_signals_submitted"] = NoController,
        ["stale_response_advisory"] = "The Seller has no upstream system whose answers could be stale.",
        ["version_negotiation get_capabilities_at_3_1"] = "A seller of this library serves one release.",
        ["webhook_emission assert_synchronous_completion_handled"] = "Joins the two branches of the step before.",
        ["webhook_emission sync_get_products_with_webhook_config_reject"] = "The seller takes the other branch.",
        ["webhook_receiver_envelope"] = ByVector,
        ["wholesale_feed_bulk_webhooks"] = NoTool,
        ["wholesale_feed_product_webhooks"] = NoTool,
        ["wholesale_feed_signal_webhooks"] = NoTool,
    };

    [Fact]
    public void Each_step_is_a_test_or_left_out_for_a_reason()
    {
        SortedSet<string> steps = [.. SharedFiles.ListAll("storyboards").SelectMany(StepsOf)];
        HashSet<string> tests = [.. TestsOf("Adcp.Aot.Platform.Tests"), .. TestsOf("Adcp.Aot.Seller.Tests")];
        string[] leftOut = [.. steps.Where(step => LeftOut.ContainsKey(step) || LeftOut.ContainsKey(step.Split(' ')[0]))];

        Assert.True(steps.Count > 150);
        Assert.Empty(steps.Except(tests).Except(leftOut));
        Assert.Empty(tests.Except(steps));
        Assert.False(tests.Overlaps(leftOut));
        Assert.All(LeftOut.Keys, key => Assert.Contains(leftOut, step => step == key || step.Split(' ')[0] == key));
    }

    /// <summary>Returns the steps of a file as <c>storyboard step</c>. Files about storyboards in general have none.</summary>
    private static IEnumerable<string> StepsOf(string path)
    {
        string text = File.ReadAllText(path);
        string storyboard = StoryboardPattern().Match(text).Groups[1].Value;
        return StepPattern().Matches(text).Select(step => $"{storyboard} {step.Groups[1].Value}");
    }

    /// <summary>Returns the tests of the classes that are storyboards, as <c>storyboard step</c>.</summary>
    private static IEnumerable<string> TestsOf(string project)
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Adcp.Aot.sln")))
        {
            root = root.Parent;
        }

        foreach (string file in Directory.EnumerateFiles(Path.Combine(root.FullName, "tests", project), "*Storyboard*.cs",
            SearchOption.AllDirectories))
        {
            string[] classes = File.ReadAllText(file).Split("[Trait(\"storyboard\", \"");
            foreach (string each in classes.Skip(1))
            {
                string storyboard = each[..each.IndexOf('"', StringComparison.Ordinal)];
                foreach (Match test in TestPattern().Matches(each))
                {
                    string name = test.Groups[1].Value;
                    yield return $"{storyboard} {char.ToLowerInvariant(name[0])}{name[1..]}";
                }
            }
        }
    }

    [GeneratedRegex(@"^id: (\S+)", RegexOptions.Multiline)]
    private static partial Regex StoryboardPattern();

    [GeneratedRegex(@"^      - id: (\S+)", RegexOptions.Multiline)]
    private static partial Regex StepPattern();

    [GeneratedRegex(@"\[Fact\]\s+public (?:async )?Task (\w+)\(")]
    private static partial Regex TestPattern();
}
