using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Adcp.Aot.Browser.Tests;

/// <summary>One page of an operator, and the errors and warnings of its console.</summary>
internal sealed class OperatorBrowser : IAsyncDisposable
{
    private readonly IBrowser _browser;
    private readonly Uri _site;

    private OperatorBrowser(IBrowser browser, Uri site)
    {
        _browser = browser;
        _site = site;
    }

    public List<string> Console { get; } = [];

    public IPage Page { get; private set; } = null!;

    public static async Task<OperatorBrowser> StartAsync(SharedBrowser browser, Uri site)
    {
        OperatorBrowser opened = new(await browser.GetAsync(), site);
        await opened.OpenAsync(new BrowserNewContextOptions());
        return opened;
    }

    /// <summary>Opens the page in a new context, in place of the one before.</summary>
    public async Task OpenAsync(BrowserNewContextOptions options, string user = "alice:operator")
    {
        await DisposeAsync();

        options.ExtraHTTPHeaders = [new("Authorization", $"Test {user}")];
        IBrowserContext context = await _browser.NewContextAsync(options);
        IPage page = await context.NewPageAsync();
        page.SetDefaultTimeout(30_000);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                Console.Add(message.Text);
            }
        };
        page.PageError += (_, fault) => Console.Add(fault);
        await page.GotoAsync(new Uri(_site, "adcp").ToString());
        await Assertions.Expect(page.Locator("#connection")).ToHaveTextAsync("Live");
        Page = page;
    }

    public async Task ShowAsync(string view)
    {
        await Page.Locator($"nav a[href='#{view}']").ClickAsync();
        await Assertions.Expect(Page.Locator("#" + view)).ToBeVisibleAsync();
        if (view != "overview")
        {
            await Assertions.Expect(Page.Locator($"#{view} caption")).ToBeVisibleAsync();
        }
    }

    public ILocator Row(string view, string text) => Page.Locator($"#{view} tbody tr", new() { HasText = text });

    /// <summary>
    /// Fails if the open view has a fault of accessibility or scrolls sideways. If <c>ADCP_SCREENSHOTS</c> names a folder, the view is
    /// drawn into it.
    /// </summary>
    public async Task CheckAsync(string view, string variant)
    {
        AxeResult result = await Page.RunAxe();
        Assert.Empty(result.Violations.Select(fault =>
            $"{view} {variant}: {fault.Impact} {fault.Id}: {string.Join("; ", fault.Nodes.Select(static node => node.Html))}"));
        Assert.True(
            await Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), $"{view} scrolls sideways");
        if (Environment.GetEnvironmentVariable("ADCP_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{view}-{variant}.png") });
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Page is not null)
        {
            await Page.Context.CloseAsync();
        }
    }
}
