using System.Globalization;
using Adcp.Aot.AspNetCore.Tests.Operations;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Adcp.Aot.Browser.Tests;

/// <summary>The operator page in a real browser.</summary>
[Needs(Resource.Chromium)]
public sealed class OperatorPageTests : IAsyncLifetime
{
    private const string Down = "https://down.example/hook";

    private readonly List<string> _console = [];
    private OperatedSupervisor _operated = null!;
    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;
    private IPage _page = null!;

    public async ValueTask InitializeAsync()
    {
        Assertions.SetDefaultExpectTimeout(30_000); // for a busy machine
        _operated = await OperatedSupervisor.StartAsync();
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Resources.Get(Resource.Chromium),
            ChromiumSandbox = false, // it does not start as root
        });
        _page = await OpenAsync(new BrowserNewContextOptions());
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
        await _operated.DisposeAsync();
    }

    [Fact]
    public async Task An_opened_circuit_shows_by_itself_and_isolate_and_reset_act()
    {
        await _operated.DeliverAsync(Down);
        await ShowAsync("endpoints");
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

        await ShowAsync("actions");
        await Assertions.Expect(_page.Locator("#actions tbody tr").Last).ToContainTextAsync("buyer asked");
        Assert.Empty(_console);
    }

    [Fact]
    public async Task An_action_that_is_not_confirmed_is_not_taken()
    {
        await _operated.DeliverAsync(Down);
        await ShowAsync("endpoints");

        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).ClickAsync();
        await _page.Keyboard.PressAsync("Escape");
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).ClickAsync();
        await _page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();

        Assert.Equal(DeliveryStatus.Delivered, (await _operated.DeliverAsync(Down)).Status);
        Assert.Empty(_console);
    }

    [Fact]
    public async Task Ten_thousand_endpoints_are_filtered_and_paged()
    {
        for (int i = 0; i < 10_000; i++)
        {
            _operated.Supervisor.Endpoints.Reset(string.Create(CultureInfo.InvariantCulture, $"https://b{i:d5}.example/hook"));
        }

        await ShowAsync("endpoints");
        await Assertions.Expect(_page.Locator("#endpoints caption")).ToHaveTextAsync("100 of 10,000");
        await _page.GetByRole(AriaRole.Button, new() { Name = "Show more endpoints" }).ClickAsync();
        await Assertions.Expect(_page.Locator("#endpoints caption")).ToHaveTextAsync("200 of 10,000");
        await Assertions.Expect(_page.Locator("#endpoints tbody tr").Last).ToContainTextAsync("b00199.example");

        await _page.GetByLabel("Name contains").FillAsync("b0777");
        await Assertions.Expect(_page.Locator("#endpoints caption")).ToHaveTextAsync("10 of 10");
        Assert.Empty(_console);
    }

    [Fact]
    public async Task Attempts_are_filtered_and_lead_to_their_delivery()
    {
        _operated.Statuses["down.example"] = 410;
        await _operated.DeliverAsync("https://up.example/hook", "task_up");
        await _operated.DeliverAsync(Down, "task_down");
        await ShowAsync("attempts");
        await Assertions.Expect(_page.Locator("#attempts tbody tr")).ToHaveCountAsync(2);

        await _page.GetByLabel("Outcome").SelectOptionAsync("failure");
        await Assertions.Expect(_page.Locator("#attempts tbody tr")).ToHaveCountAsync(1);
        await _page.GetByLabel("Outcome").SelectOptionAsync("");
        await _page.GetByRole(AriaRole.Link, new() { Name = "task task_up" }).ClickAsync();

        await Assertions.Expect(_page.Locator("#attempts tbody tr")).ToHaveCountAsync(1);
        await Assertions.Expect(_page.Locator("#attempts tbody tr")).ToContainTextAsync("up.example");
        Assert.Empty(_console);
    }

    [Fact]
    public async Task A_hostile_name_is_text_and_the_content_security_policy_blocks_a_script()
    {
        const string Hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
        _operated.Supervisor.Endpoints.Isolate(Hostile);
        await _operated.DeliverAsync(Down, "task<b>bold");
        await ShowAsync("endpoints");
        await Assertions.Expect(Row("onerror")).ToContainTextAsync("isolated");
        await ShowAsync("attempts");
        await Assertions.Expect(_page.Locator("#attempts tbody tr")).ToContainTextAsync("task<b>bold");
        Assert.Equal(0, await _page.Locator("tbody img, tbody script, tbody b").CountAsync());
        Assert.Empty(_console);

        await _page.EvaluateAsync(
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
        await _page.WaitForFunctionAsync("() => document.images.length === 1 && document.images[0].complete");

        Assert.Equal("AdCP webhooks", await _page.TitleAsync());
        Assert.Contains(_console, static line => line.Contains("Content Security Policy", StringComparison.Ordinal));
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
        await _page.CloseAsync();
        _page = await OpenAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = 800 },
        });
        foreach (string view in new[] { "overview", "endpoints", "attempts", "actions" })
        {
            await ShowAsync(view);
            AxeResult result = await _page.RunAxe();
            Assert.Empty(result.Violations.Select(static fault =>
                $"{fault.Impact} {fault.Id}: {string.Join("; ", fault.Nodes.Select(static node => node.Html))}"));
            Assert.True(
                await _page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), $"{view} scrolls sideways");
            if (Environment.GetEnvironmentVariable("ADCP_SCREENSHOTS") is { Length: > 0 } folder)
            {
                string name = width < 500 ? "phone" : scheme == ColorScheme.Dark ? "dark" : "light";
                await _page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{view}-{name}.png") });
            }
        }

        Assert.Empty(_console);
    }

    [Fact]
    public async Task The_keyboard_reaches_every_view_and_action()
    {
        await _operated.DeliverAsync(Down);
        await _page.FocusAsync("nav a[href='#endpoints']");
        await _page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(Row("down.example")).ToBeVisibleAsync();
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = "Isolate" }).FocusAsync();
        await _page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(_page.Locator("#confirm")).ToBeVisibleAsync();
        await _page.Keyboard.PressAsync("Tab");
        await _page.Locator("#confirm-yes").FocusAsync();
        await _page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(Row("down.example")).ToContainTextAsync("isolated");
    }

    [Fact]
    public async Task A_lost_connection_is_shown()
    {
        await ShowAsync("overview");

        await _page.Context.SetOfflineAsync(true);
        await _operated.DisposeAsync();

        await Assertions.Expect(_page.Locator("#connection")).ToContainTextAsync("Not connected");
        _operated = await OperatedSupervisor.StartAsync();
    }

    private async Task<IPage> OpenAsync(BrowserNewContextOptions options)
    {
        options.ExtraHTTPHeaders = [new("Authorization", "Test alice:operator")];
        IBrowserContext context = await _browser.NewContextAsync(options);
        IPage page = await context.NewPageAsync();
        page.SetDefaultTimeout(30_000);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                _console.Add(message.Text);
            }
        };
        page.PageError += (_, fault) => _console.Add(fault);
        await page.GotoAsync(new Uri(_operated.Url, "adcp").ToString());
        await Assertions.Expect(page.Locator("#connection")).ToHaveTextAsync("Live");
        return page;
    }

    private async Task ShowAsync(string view)
    {
        await _page.Locator($"nav a[href='#{view}']").ClickAsync();
        await Assertions.Expect(_page.Locator("#" + view)).ToBeVisibleAsync();
        if (view != "overview")
        {
            await Assertions.Expect(_page.Locator($"#{view} caption")).ToBeVisibleAsync();
        }
    }

    private ILocator Row(string text) => _page.Locator("#endpoints tbody tr", new() { HasText = text });

    private async Task ActAsync(string action, string reason)
    {
        await Row("down.example").GetByRole(AriaRole.Button, new() { Name = action }).ClickAsync();
        await _page.GetByLabel("Reason").FillAsync(reason);
        await _page.Locator("#confirm-yes").ClickAsync();
    }
}
