using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Adcp.Aot.Browser.Tests.SharedBrowser))]

namespace Adcp.Aot.Browser.Tests;

/// <summary>The browser that all tests share. Each test has contexts of its own in it.</summary>
public sealed class SharedBrowser : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private IPlaywright? _playwright;
    private Task<IBrowser>? _browser;

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await (await _browser).CloseAsync();
        }

        _playwright?.Dispose();
    }

    /// <summary>Returns the browser, which starts with the first test that needs it: without a browser the tests are left out.</summary>
    internal Task<IBrowser> GetAsync()
    {
        lock (_lock)
        {
            return _browser ??= LaunchAsync();
        }
    }

    private async Task<IBrowser> LaunchAsync()
    {
        Assertions.SetDefaultExpectTimeout(30_000); // for a busy machine
        _playwright = await Playwright.CreateAsync();
        return await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Resources.Get(Resource.Chromium),
            ChromiumSandbox = false, // it does not start as root
        });
    }
}
