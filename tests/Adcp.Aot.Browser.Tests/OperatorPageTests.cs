using System.Globalization;
using Adcp.Aot.AspNetCore.Tests.Operations;
using Microsoft.Playwright;

namespace Adcp.Aot.Browser.Tests;

/// <summary>The operator page in a real browser.</summary>
[Needs(Resource.Chromium)]
public sealed class OperatorPageTests(SharedBrowser shared) : IAsyncLifetime
{
    private const string Down = "https://down.example/hook";

    private OperatedSupervisor _operated = null!;
    private OperatorBrowser _browser = null!;

    private IPage Page => _browser.Page;

    public async ValueTask InitializeAsync()
    {
        _operated = await OperatedSupervisor.StartAsync();
        _browser = await OperatorBrowser.StartAsync(shared, _operated.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        await _operated.DisposeAsync();
    }

    [Fact]
    public async Task An_opened_circuit_shows_by_itself_and_isolate_and_reset_act()
    {
        await _operated.DeliverAsync(Down);
        await _browser.ShowAsync("endpoints");
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");

        _operated.Statuses["down.example"] = 503;
        await _operated.DeliverAsync(Down);
        await _operated.DeliverAsync(Down);
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("open");
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("answered 503");

        await ActAsync("Isolate", "buyer asked");
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("isolated");
        Assert.Equal(DeliveryStatus.CircuitOpen, (await _operated.DeliverAsync(Down)).Status);

        _operated.Statuses["down.example"] = 200;
        await ActAsync("Reset", "");
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");
        Assert.Equal(DeliveryStatus.Delivered, (await _operated.DeliverAsync(Down)).Status);

        await _browser.ShowAsync("actions");
        await Assertions.Expect(Page.Locator("#actions tbody tr").Last).ToContainTextAsync("buyer asked");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task An_opened_circuit_shows_within_two_seconds_at_the_median()
    {
        await _operated.DeliverAsync(Down);
        _operated.Statuses["down.example"] = 503;
        await _browser.ShowAsync("endpoints");
        List<double> waits = [];
        for (int round = 0; round < 5; round++)
        {
            // The circuit opens soon after the page has read the list, so that most of the second between two readings passes.
            await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");
            Task<double> shown = Page.EvaluateAsync<double>(
                """
                () => new Promise(done => {
                  const list = document.querySelector("div[data-list=endpoints]");
                  const look = () => {
                    if ([...list.querySelectorAll(".state")].some(state => state.textContent === "open")) {
                      observer.disconnect();
                      done(Date.now());
                    }
                  };
                  const observer = new MutationObserver(look);
                  observer.observe(list, { childList: true });
                  look();
                })
                """);
            await _operated.DeliverAsync(Down);
            double opened = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(); // before the second failure opens it
            await _operated.DeliverAsync(Down);
            waits.Add(await shown - opened);
            _operated.Supervisor.Endpoints.Reset(Down);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"Shown after {string.Join(", ", waits)} ms.");
        waits.Sort();
        Assert.True(waits[2] <= 2000, $"The circuit showed after {string.Join(", ", waits)} ms.");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_change_right_after_a_reading_is_not_lost()
    {
        await PauseAsync();
        await _operated.DeliverAsync(Down);
        await SeenAsync("2 delivered");
        await Page.RunAndWaitForResponseAsync(() => Page.Clock.RunForAsync(1), "**/api/endpoints*");

        await OpenCircuitAsync();
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");
        await ShowsOpenAsync();
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_change_while_the_page_is_hidden_shows_when_it_is_visible()
    {
        await PauseAsync();
        await Page.EvaluateAsync("() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })");
        await OpenCircuitAsync();
        await Page.Clock.RunForAsync(1000);
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");

        await Page.EvaluateAsync("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }");
        await ShowsOpenAsync();
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_change_while_a_dialog_is_open_shows_when_it_is_closed()
    {
        await PauseAsync();
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).ClickAsync();
        await OpenCircuitAsync();
        await Page.Clock.RunForAsync(1000);
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");

        // Listens before the key is pressed: the two take different ways to the page.
        await Page.EvaluateAsync(
            """
            () => document.querySelector("#confirm").addEventListener(
              "close", () => document.documentElement.dataset.closed = "true", { once: true })
            """);
        await Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(Page.Locator("html")).ToHaveAttributeAsync("data-closed", "true");
        await ShowsOpenAsync();
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task What_changes_by_time_alone_is_read_again()
    {
        await PauseAsync();

        await Page.RunAndWaitForResponseAsync(() => Page.Clock.RunForAsync(16_000), "**/api/endpoints*");

        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task An_action_that_is_not_confirmed_is_not_taken()
    {
        await _operated.DeliverAsync(Down);
        await _browser.ShowAsync("endpoints");

        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).ClickAsync();
        await Page.Keyboard.PressAsync("Escape");
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).ClickAsync();
        await Page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();

        Assert.Equal(DeliveryStatus.Delivered, (await _operated.DeliverAsync(Down)).Status);
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task A_required_reason_is_asked_for_before_the_action()
    {
        await using OperatedSupervisor strict = await OperatedSupervisor.StartAsync(requiresReason: true);
        await using OperatorBrowser browser = await OperatorBrowser.StartAsync(shared, strict.Url);
        await strict.DeliverAsync(Down);
        await browser.ShowAsync("endpoints");
        await browser.Row("endpoints", "down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).ClickAsync();

        foreach (string reason in new[] { "", "  " })
        {
            await browser.Page.Locator("#confirm-reason").FillAsync(reason);
            await browser.Page.Locator("#confirm-yes").ClickAsync();
            await Assertions.Expect(browser.Page.Locator("#confirm")).ToBeVisibleAsync();
        }

        Assert.Equal(DeliveryStatus.Delivered, (await strict.DeliverAsync(Down)).Status);
        await browser.Page.Locator("#confirm-reason").FillAsync("buyer asked");
        await browser.Page.Locator("#confirm-yes").ClickAsync();
        await Assertions.Expect(browser.Row("endpoints", "down.example")).ToContainTextAsync("isolated");
        await browser.Row("endpoints", "down.example").GetByRole(AriaRole.Button, new() { Name = "Reset" }).ClickAsync();
        await browser.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Assertions.Expect(browser.Page.Locator("#confirm")).ToBeHiddenAsync();
        Assert.Empty(browser.Console);
    }

    [Fact]
    public async Task Ten_thousand_endpoints_are_filtered_and_paged()
    {
        for (int i = 0; i < 10_000; i++)
        {
            _operated.Supervisor.Endpoints.Reset(string.Create(CultureInfo.InvariantCulture, $"https://b{i:d5}.example/hook"));
        }

        await _browser.ShowAsync("endpoints");
        await Assertions.Expect(Page.Locator("#endpoints caption")).ToHaveTextAsync("100 of 10,000");
        await Page.GetByRole(AriaRole.Button, new() { Name = "Show more endpoints" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#endpoints caption")).ToHaveTextAsync("200 of 10,000");
        await Assertions.Expect(Page.Locator("#endpoints tbody tr").Last).ToContainTextAsync("b00199.example");

        // Rows do not move under the reader. The page says so, and follows again if asked.
        await Assertions.Expect(Page.Locator("#endpoints .paused")).ToContainTextAsync("Not live since");
        _operated.Statuses["down.example"] = 503;
        await _operated.DeliverAsync(Down);
        await _operated.DeliverAsync(Down);
        await SeenAsync("2 failed");
        await Assertions.Expect(Page.Locator("#endpoints caption")).ToHaveTextAsync("200 of 10,000");
        await Page.GetByRole(AriaRole.Button, new() { Name = "Show the newest endpoints" }).ClickAsync();
        await Assertions.Expect(Page.Locator("#endpoints caption")).ToHaveTextAsync("100 of 10,001");
        await Assertions.Expect(Page.Locator("#endpoints tbody tr").First).ToContainTextAsync("down.example");
        await Assertions.Expect(Page.Locator("#endpoints .paused")).ToHaveCountAsync(0);
        _operated.Supervisor.Endpoints.Reset(Down);
        await Assertions.Expect(Page.Locator("#endpoints tbody tr").First).ToContainTextAsync("b00000.example");

        await Page.GetByLabel("Name contains").FillAsync("b0777");
        await Assertions.Expect(Page.Locator("#endpoints caption")).ToHaveTextAsync("10 of 10");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Attempts_are_filtered_and_lead_to_their_delivery()
    {
        _operated.Statuses["down.example"] = 410;
        await _operated.DeliverAsync("https://up.example/hook", "task_up");
        await _operated.DeliverAsync(Down, "task_down");
        await _browser.ShowAsync("attempts");
        await Assertions.Expect(Page.Locator("#attempts tbody tr")).ToHaveCountAsync(2);

        await Page.Locator("#attempts [name=outcome]").SelectOptionAsync("failure");
        await Assertions.Expect(Page.Locator("#attempts tbody tr")).ToHaveCountAsync(1);
        await Page.Locator("#attempts [name=outcome]").SelectOptionAsync("");
        await Page.GetByRole(AriaRole.Link, new() { Name = "task task_up" }).ClickAsync();

        await Assertions.Expect(Page.Locator("#attempts tbody tr")).ToHaveCountAsync(1);
        await Assertions.Expect(Page.Locator("#attempts tbody tr")).ToContainTextAsync("up.example");
        await Page.Locator("#attempts tbody a[href^='#delivery']").ClickAsync();
        await Assertions.Expect(Page.Locator("#delivery-facts")).ToContainTextAsync("task_up");
        await Assertions.Expect(Page.Locator("#delivery tbody tr")).ToContainTextAsync("attempt 1 of 1");
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Each_filter_of_the_attempts_selects_its_rows()
    {
        await _operated.DeliverAsync("https://up.example/hook", "task_up", "final");
        await _operated.DeliverAsync("https://other.example/hook", "task_other", "scheduled");
        await _operated.DeliverAsync("https://other.example/hook", "task_third");
        await _browser.ShowAsync("attempts");
        ILocator rows = Page.Locator("#attempts tbody tr");
        await Assertions.Expect(rows).ToHaveCountAsync(3);
        DateTime now = TimeProvider.System.GetUtcNow().UtcDateTime;

        foreach ((string filter, string value, int expected) in new[]
        {
            ("endpoint", "https://other.example/hook", 2), ("task_id", "task_up", 1), ("notification_type", "scheduled", 1),
            ("since", Minute(now.AddHours(-1)), 3), ("since", Minute(now.AddHours(1)), 0),
            ("until", Minute(now.AddHours(1)), 3), ("until", Minute(now.AddHours(-1)), 0),
        })
        {
            ILocator field = Page.Locator($"#attempts [name={filter}]");
            await Page.RunAndWaitForResponseAsync(
                () => field.FillAsync(value), answer => answer.Url.Contains($"{filter}=", StringComparison.Ordinal));
            await Assertions.Expect(rows).ToHaveCountAsync(expected);
            await field.FillAsync("");
            await Assertions.Expect(rows).ToHaveCountAsync(3);
        }

        Assert.Empty(_browser.Console);

        static string Minute(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm", CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_hostile_name_is_text_and_the_content_security_policy_blocks_a_script()
    {
        const string Hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
        _operated.Supervisor.Endpoints.Isolate(Hostile);
        await _operated.DeliverAsync(Down, "task<b>bold");
        await _browser.ShowAsync("endpoints");
        await Assertions.Expect(Row("onerror")).ToContainTextAsync("isolated");
        await _browser.ShowAsync("attempts");
        await Assertions.Expect(Page.Locator("#attempts tbody tr")).ToContainTextAsync("task<b>bold");
        Assert.Equal(0, await Page.Locator("tbody img, tbody script, tbody b").CountAsync());
        Assert.Empty(_browser.Console);

        await Page.EvaluateAsync(
            """
            () => {
              const script = document.createElement("script");
              script.textContent = "document.title = 'owned'";
              document.body.append(script);
              const image = document.createElement("img");
              image.setAttribute("onerror", "document.title = 'owned'");
              image.src = "none";
              document.body.append(image);
            }
            """);
        await Page.WaitForFunctionAsync("() => document.images.length === 1 && document.images[0].complete");

        Assert.Equal("AdCP webhooks", await Page.TitleAsync());
        Assert.Contains(_browser.Console, static line => line.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 390)]
    public async Task Every_view_is_accessible_light_dark_and_on_a_phone(ColorScheme scheme, int width)
    {
        _operated.Statuses["down.example"] = 503;
        for (int i = 0; i < 3; i++)
        {
            await _operated.DeliverAsync("https://up.example/hook");
            await _operated.DeliverAsync(Down);
        }

        _operated.Supervisor.Endpoints.Isolate("https://isolated.example/hook");
        await _browser.OpenAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = 800 },
        });
        foreach (string view in new[] { "overview", "endpoints", "attempts", "actions" })
        {
            await _browser.ShowAsync(view);
            await _browser.CheckAsync(view, (scheme == ColorScheme.Dark ? "dark" : width < 500 ? "phone" : "light") + "-in-memory");
        }

        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task The_keyboard_reaches_every_view_and_action()
    {
        await _operated.DeliverAsync(Down);
        await Page.FocusAsync("nav a[href='#endpoints']");
        await Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Row("down.example")).ToBeVisibleAsync();
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).FocusAsync();
        await Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Page.Locator("#confirm")).ToBeVisibleAsync();
        await Page.Keyboard.PressAsync("Tab");
        await Page.Locator("#confirm-yes").FocusAsync();
        await Page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(Row("down.example")).ToContainTextAsync("isolated");
    }

    [Fact]
    public async Task A_lost_connection_is_shown()
    {
        await _browser.ShowAsync("overview");

        await Page.Context.SetOfflineAsync(true);
        await _operated.DisposeAsync();

        await Assertions.Expect(Page.Locator("#connection")).ToContainTextAsync("Not connected");
        _operated = await OperatedSupervisor.StartAsync();
    }

    /// <summary>Shows an endpoint whose circuit is closed, and stops the clock of the page, so that its timers run only if asked.</summary>
    private async Task PauseAsync()
    {
        await _operated.DeliverAsync(Down);
        await Page.Clock.InstallAsync();
        await Page.ReloadAsync();
        await _browser.ShowAsync("endpoints");
        await SeenAsync("1 delivered");
        await Page.Clock.PauseAtAsync(TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(5));
        await Page.Clock.RunForAsync(1000);
        await Assertions.Expect(Row("down.example")).ToContainTextAsync("closed");
    }

    /// <summary>
    /// Lets the page's clock run until the open circuit shows, for 5 s at most: less than it takes until every list is read again. It runs
    /// in steps, because a reading that is under way on a busy machine starts the next one's timer when it ends.
    /// </summary>
    private async Task ShowsOpenAsync()
    {
        for (int step = 0; step < 100 && !(await Row("down.example").InnerTextAsync()).Contains("open", StringComparison.Ordinal); step++)
        {
            await Page.Clock.RunForAsync(50);
            await Task.Delay(100);
        }

        await Assertions.Expect(Row("down.example")).ToContainTextAsync("open");
    }

    private async Task OpenCircuitAsync()
    {
        _operated.Statuses["down.example"] = 503;
        await _operated.DeliverAsync(Down);
        await _operated.DeliverAsync(Down);
        await SeenAsync("2 failed");
    }

    /// <summary>Waits until the page has a status with a number of attempts.</summary>
    private async Task SeenAsync(string attempts) => await Assertions.Expect(Page.Locator("#chart-text")).ToContainTextAsync(attempts);

    private ILocator Row(string text) => _browser.Row("endpoints", text);

    private async Task ActAsync(string action, string reason)
    {
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = action }).ClickAsync();
        await Page.Locator("#confirm-reason").FillAsync(reason);
        await Page.Locator("#confirm-yes").ClickAsync();
    }
}
