using Adcp.Aot.AspNetCore.Tests.Operations;
using Adcp.Aot.Operations;
using Adcp.Aot.Testing;
using Microsoft.Playwright;

namespace Adcp.Aot.Browser.Tests;

/// <summary>The operator page of an outbox in a real browser: dead letters, redrives, workers and the story of a delivery.</summary>
[Needs(Resource.Chromium)]
public sealed class DeadLettersPageTests(SharedBrowser shared) : IAsyncLifetime
{
    private const string Hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

    private OperatedOutbox _operated = null!;
    private OperatorBrowser _browser = null!;

    private IPage Page => _browser.Page;

    private ILocator Rows => Page.Locator("#dead-letters tbody tr");

    private ILocator Caption => Page.Locator("#dead-letters caption");

    public async ValueTask InitializeAsync()
    {
        _operated = await OperatedOutbox.StartAsync(hasBodyPolicy: true);
        _browser = await OperatorBrowser.StartAsync(shared, _operated.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        await _operated.DisposeAsync();
    }

    [Fact]
    public async Task A_redrive_asks_runs_with_progress_and_the_webhooks_arrive()
    {
        await _operated.KillAsync(30);
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        int before = _operated.Receiver.Count;
        await _browser.ShowAsync("dead-letters");

        await Page.GetByRole(AriaRole.Button, new() { Name = "Redrive all of these" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#redrive-count")).ToContainTextAsync("Dry run: 30 delivered again");
        Assert.Equal(before, _operated.Receiver.Count);
        await Page.Locator("#redrive-rate").FillAsync("10");
        await Page.Locator("#redrive-reason").FillAsync("buyer is back");
        await Page.Locator("#redrive-yes").ClickAsync();

        await Assertions.Expect(Page.Locator("#dead-letter-jobs progress")).ToBeVisibleAsync();
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("done");
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("30 delivered again");
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("by alice: buyer is back");
        await Assertions.Expect(Caption).ToHaveTextAsync("0 of 0");
        await OperatedOutbox.UntilAsync(() => Task.FromResult(_operated.Receiver.Count == before + 30));
        await _browser.ShowAsync("actions");
        await Assertions.Expect(Page.Locator("#actions tbody tr")).ToContainTextAsync("buyer is back");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_redrive_that_is_not_confirmed_delivers_nothing()
    {
        await _operated.KillAsync(1);
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        await _browser.ShowAsync("dead-letters");

        await Rows.GetByRole(AriaRole.Button, new() { Name = "Redrive" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#redrive-yes")).ToBeEnabledAsync();
        await Page.Keyboard.PressAsync("Escape");
        await Rows.GetByRole(AriaRole.Button, new() { Name = "Discard" }).ClickAsync();
        await Page.Locator("#confirm").GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();

        Assert.Single(await _operated.Outbox.DeadLetters.ListAsync());
        Assert.Empty(await _operated.Operations.ListActionsAsync());
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_redrive_is_cancelled_and_continued()
    {
        await _operated.KillAsync(8);
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        await _browser.ShowAsync("dead-letters");

        await Page.GetByRole(AriaRole.Button, new() { Name = "Redrive all of these" }).ClickAsync();
        await Page.Locator("#redrive-rate").FillAsync("1");
        await Page.Locator("#redrive-yes").ClickAsync();
        await Page.Locator("#dead-letter-jobs").GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("cancelled");
        await Page.Locator("#dead-letter-jobs").GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await Page.Locator("#redrive-rate").FillAsync("1000");
        await Page.Locator("#redrive-yes").ClickAsync();

        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job").First).ToContainTextAsync("done");
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Dead: 0, Waiting: 0 });
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Dead_letters_are_filtered_paged_and_discarded()
    {
        await _operated.KillAsync(240, "acme");
        await _operated.KillAsync(3, "other", "/other", "final");
        await _browser.ShowAsync("dead-letters");
        await Assertions.Expect(Caption).ToHaveTextAsync("100 of 243");

        await Page.GetByRole(AriaRole.Button, new() { Name = "Show more dead-letters" }).ClickAsync();
        await Assertions.Expect(Caption).ToHaveTextAsync("200 of 243");
        await Page.GetByRole(AriaRole.Button, new() { Name = "Show more dead-letters" }).ClickAsync();
        await Assertions.Expect(Caption).ToHaveTextAsync("243 of 243");
        await Page.Locator("#dead-letters [name=tenant]").FillAsync("other");
        await Assertions.Expect(Caption).ToHaveTextAsync("3 of 3");
        await Page.Locator("#dead-letters [name=reason]").SelectOptionAsync("expired");
        await Assertions.Expect(Caption).ToHaveTextAsync("0 of 0");
        await Page.Locator("#dead-letters [name=reason]").SelectOptionAsync("rejected");
        await Assertions.Expect(Caption).ToHaveTextAsync("3 of 3");
        await Rows.First.GetByRole(AriaRole.Button, new() { Name = "Discard" }).ClickAsync();
        await Page.Locator("#confirm-reason").FillAsync("junk");
        await Page.Locator("#confirm-yes").ClickAsync();
        await Assertions.Expect(Caption).ToHaveTextAsync("2 of 2");
        await Page.Locator("#dead-letters [name=tenant]").FillAsync("");
        await Page.Locator("#dead-letters [name=notification_type]").FillAsync("scheduled");
        await Assertions.Expect(Caption).ToHaveTextAsync("0 of 0");
        await Page.Locator("#dead-letters [name=notification_type]").FillAsync("final");
        await Assertions.Expect(Caption).ToHaveTextAsync("2 of 2");

        // The endpoint leads to its dead letters.
        await _browser.ShowAsync("endpoints");
        await _browser.Row("endpoints", "other").GetByRole(AriaRole.Link, new() { Name = "Dead letters" }).ClickAsync();
        await Assertions.Expect(Caption).ToHaveTextAsync("2 of 2");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_discard_of_a_filter_counts_asks_and_deletes()
    {
        await _operated.KillAsync(12, "junk");
        DeadLetter kept = Assert.Single(await _operated.KillAsync(1), static letter => letter.Tenant == "acme");
        await _browser.ShowAsync("dead-letters");
        await Page.Locator("#dead-letters [name=tenant]").FillAsync("junk");
        await Assertions.Expect(Caption).ToHaveTextAsync("12 of 12");

        await Page.GetByRole(AriaRole.Button, new() { Name = "Discard all of these" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#confirm-title")).ToHaveTextAsync("Discard all dead letters with tenant junk?");
        await Assertions.Expect(Page.Locator("#confirm-text")).ToContainTextAsync("12 dead letters are deleted permanently");
        await Page.Locator("#confirm").GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        long before = (await _operated.Outbox.GetStatusAsync()).Dead;
        await Page.GetByRole(AriaRole.Button, new() { Name = "Discard all of these" }).ClickAsync();
        await Page.Locator("#confirm-reason").FillAsync("a test of theirs");
        await Page.Locator("#confirm-yes").ClickAsync();

        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("12 deleted");
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("by alice: a test of theirs");
        await Assertions.Expect(Caption).ToHaveTextAsync("0 of 0");
        Assert.Equal(13, before);
        Assert.Equal(kept.Id, Assert.Single(await _operated.Outbox.DeadLetters.ListAsync()).Id);
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task The_story_of_a_delivery_has_its_attempts_and_its_end()
    {
        DeadLetter letter = Assert.Single(await _operated.KillAsync(1));
        await _browser.ShowAsync("dead-letters");

        await Rows.GetByRole(AriaRole.Link, new() { Name = letter.IdempotencyKey! }).ClickAsync();

        await Assertions.Expect(Page.Locator("#delivery-facts")).ToContainTextAsync("undelivered");
        await Assertions.Expect(Page.Locator("#delivery tbody tr")).ToHaveCountAsync(3);
        await Assertions.Expect(Page.Locator("#delivery tbody tr").First).ToContainTextAsync("enqueued");
        await Assertions.Expect(Page.Locator("#delivery tbody tr").Last).ToContainTextAsync("rejected 410");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_body_opens_for_those_that_may_and_the_opening_is_recorded()
    {
        DeadLetter letter = Assert.Single(await _operated.KillAsync(1));
        await _browser.OpenAsync(new BrowserNewContextOptions(), "rob:reader");
        await _browser.ShowAsync("dead-letters");
        Assert.DoesNotContain("create_media_buy", await Page.ContentAsync(), StringComparison.Ordinal);

        await Rows.GetByRole(AriaRole.Link, new() { Name = letter.IdempotencyKey! }).ClickAsync();
        await Page.GetByRole(AriaRole.Button, new() { Name = "Open body" }).ClickAsync();
        await Page.Locator("#confirm-reason").FillAsync("ticket 7");
        await Page.Locator("#confirm-yes").ClickAsync();

        await Assertions.Expect(Page.Locator("#delivery-body")).ToContainTextAsync("create_media_buy");
        ActionRecord action = Assert.Single(await _operated.Operations.ListActionsAsync());
        Assert.Equal(("open body", "rob", "ticket 7"), (action.Action, action.Actor, action.Reason));
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Open_delivery_follows_what_happens_to_it_but_not_under_a_dialog()
    {
        await _operated.KillAsync(1);
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        await _browser.ShowAsync("dead-letters");
        await Rows.Locator("a[href^='#delivery']").ClickAsync();
        ILocator facts = Page.Locator("#delivery-facts");
        ILocator redrive = Page.Locator("#delivery").GetByRole(AriaRole.Button, new() { Name = "Redrive" });
        await Assertions.Expect(facts).ToContainTextAsync("undelivered");

        await redrive.ClickAsync();
        await _operated.Operations.StartRedriveAsync(
            new DeadLetterQuery(), new RedriveOptions(), new OperatorAction("bob", "buyer is back"));
        await Assertions.Expect(Page.Locator("#figures div").Filter(new() { HasText = "Dead letters" })).ToContainTextAsync("0");
        await Assertions.Expect(facts).ToContainTextAsync("undelivered");
        await Page.Keyboard.PressAsync("Escape");

        await Assertions.Expect(facts).Not.ToContainTextAsync("undelivered");
        await Assertions.Expect(facts).ToContainTextAsync("delivered");
        await Assertions.Expect(Page.Locator("#delivery tbody")).ToContainTextAsync("success");
        await Assertions.Expect(redrive).ToHaveCountAsync(0);
        await Assertions.Expect(Page.Locator("#main")).ToBeFocusedAsync();
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Redrive_that_waits_for_workers_says_so_and_goes_on()
    {
        await _operated.KillAsync(6);
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        await _operated.Operations.PauseAsync(new OperatorAction("bob", "incident 7"));
        await _operated.Operations.StartRedriveAsync(
            new DeadLetterQuery(), new RedriveOptions { RatePerSecond = 2 }, new OperatorAction("bob", "buyer is back"));

        await _browser.ShowAsync("dead-letters");
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("a second");
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("waiting for workers");
        await _operated.Operations.ResumeAsync(new OperatorAction("bob", "incident 7 is over"));

        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("6 delivered again");
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).ToContainTextAsync("done", new() { Timeout = 20_000 });
        await Assertions.Expect(Page.Locator("#dead-letter-jobs .job")).Not.ToContainTextAsync("waiting");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Hostile_texts_of_a_dead_letter_are_text()
    {
        await _operated.KillAsync(1, Hostile, "/%3Cb%3Ehook");
        await _operated.Operations.StartDiscardAsync(
            new DeadLetterQuery { Tenant = Hostile + "x" }, isDryRun: false, new OperatorAction("mallory", Hostile));
        foreach (string view in new[] { "dead-letters", "endpoints", "attempts", "actions" })
        {
            await _browser.ShowAsync(view);
            await Assertions.Expect(Page.Locator($"#{view} tbody tr").First).ToBeVisibleAsync();
        }

        await _browser.ShowAsync("dead-letters");
        await Assertions.Expect(Rows).ToContainTextAsync("onerror");
        await Rows.Locator("a[href^='#delivery']").ClickAsync();
        await Assertions.Expect(Page.Locator("#delivery-facts")).ToContainTextAsync("onerror");
        await Page.Locator("#delivery").GetByRole(AriaRole.Button, new() { Name = "Redrive" }).ClickAsync();
        await Page.Keyboard.PressAsync("Escape");

        Assert.Equal(0, await Page.Locator("main img, main script, main b").CountAsync());
        Assert.Equal("AdCP webhooks", await Page.TitleAsync());
        Assert.Empty(_browser.Console);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 390)]
    [InlineData(ColorScheme.Dark, 390)]
    public async Task Every_view_is_accessible_light_dark_and_on_a_phone(ColorScheme scheme, int width)
    {
        await _operated.KillAsync(6);
        await _operated.KillAsync(2, "other buyer", "/other");
        _operated.Receiver.Otherwise = ReceiverAnswer.Ok;
        await _operated.Outbox.EnqueueAsync(
            null, [.. Enumerable.Range(0, 20).Select(i => _operated.Item($"task_ok_{i}", "acme", $"/hook{i % 3}"))]);
        await OperatedOutbox.UntilAsync(async () => (await _operated.Outbox.GetStatusAsync()).Waiting == 0);
        OperationsPage<EndpointStatus> endpoints = await _operated.Operations.ListEndpointsAsync();
        await _operated.Operations.IsolateAsync(endpoints.Items[0].Id, new OperatorAction("alice", "buyer moves its servers"));
        await _operated.Operations.StartRedriveAsync(
            new DeadLetterQuery { Tenant = "other buyer" }, new RedriveOptions(), new OperatorAction("alice", "buyer is back"));
        await _browser.OpenAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = 800 },
        });
        string variant = $"{(scheme == ColorScheme.Dark ? "dark" : "light")}{(width < 500 ? "-phone" : "")}";
        await Assertions.Expect(Page.Locator("#reasons")).ToContainTextAsync("rejected");
        foreach (string view in new[] { "overview", "endpoints", "attempts", "dead-letters", "workers", "actions" })
        {
            await _browser.ShowAsync(view);
            await _browser.CheckAsync(view, variant);
        }

        await _browser.ShowAsync("dead-letters");
        await Rows.First.Locator("a[href^='#delivery']").ClickAsync();
        await Assertions.Expect(Page.Locator("#delivery tbody")).ToBeVisibleAsync();
        await _browser.CheckAsync("delivery", variant);
        await Page.Locator("#delivery").GetByRole(AriaRole.Button, new() { Name = "Redrive" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#redrive-yes")).ToBeEnabledAsync();
        await _browser.CheckAsync("redrive", variant);
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Lanes_and_workers_are_shown()
    {
        await OperatedOutbox.UntilAsync(async () => (await _operated.Outbox.GetStatusAsync()).UnownedLanes == 0);

        await _browser.ShowAsync("workers");

        await Assertions.Expect(Page.Locator("#lanes")).ToContainTextAsync("Each of the 64 lanes");
        await Assertions.Expect(_browser.Row("workers", "worker-of-the-test")).ToContainTextAsync("0-63");
        Assert.Empty(_browser.Console);
    }
}
