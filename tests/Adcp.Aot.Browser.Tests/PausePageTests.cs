using Adcp.Aot.AspNetCore.Tests.Operations;
using Adcp.Aot.Operations;
using Microsoft.Playwright;

namespace Adcp.Aot.Browser.Tests;

/// <summary>The operator page of an outbox in a real browser: the pause of all deliveries, and isolated endpoints.</summary>
[Needs(Resource.Chromium)]
public sealed class PausePageTests(SharedBrowser shared) : IAsyncLifetime
{
    private OperatedOutbox _operated = null!;
    private OperatorBrowser _browser = null!;

    private IPage Page => _browser.Page;

    private ILocator Pause => Page.Locator("#pause");

    public async ValueTask InitializeAsync()
    {
        _operated = await OperatedOutbox.StartAsync();
        _browser = await OperatorBrowser.StartAsync(shared, _operated.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        await _operated.DisposeAsync();
    }

    [Fact]
    public async Task All_deliveries_are_paused_after_a_confirmation_and_resumed()
    {
        await _browser.ShowAsync("overview");

        await Pause.GetByRole(AriaRole.Button, new() { Name = "Pause all deliveries" }).ClickAsync();
        await Page.Locator("#confirm").GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        bool isPaused = (await _operated.Operations.GetStatusAsync()).Pause is not null;
        await Pause.GetByRole(AriaRole.Button, new() { Name = "Pause all deliveries" }).ClickAsync();
        await Page.Locator("#confirm-reason").FillAsync("incident <7>");
        await Page.Locator("#confirm-yes").ClickAsync();
        await Assertions.Expect(Pause).ToContainTextAsync("by alice: incident <7>");
        await _operated.Outbox.EnqueueAsync(null, [_operated.Item("task_1")]);
        int before = _operated.Receiver.Count;
        await Pause.GetByRole(AriaRole.Button, new() { Name = "Resume all deliveries" }).ClickAsync();
        await Page.Locator("#confirm-yes").ClickAsync();
        await Assertions.Expect(Pause).ToHaveTextAsync("Pause");
        await OperatedOutbox.UntilAsync(() => Task.FromResult(_operated.Receiver.Count == 1));

        Assert.False(isPaused);
        Assert.Equal(0, before);
        Assert.Equal(["resume", "pause"], (await _operated.Operations.ListActionsAsync()).Select(static action => action.Action));
        Assert.Empty(_browser.Console);
    }

    [Fact]
    public async Task Endpoint_that_the_store_isolates_shows_its_actor_and_its_backlog()
    {
        DeadLetter letter = Assert.Single(await _operated.KillAsync(1));
        await _operated.Operations.IsolateAsync(letter.EndpointId, new OperatorAction("bob", "buyer is down"));
        await _operated.Outbox.EnqueueAsync(null, [_operated.Item("task_8"), _operated.Item("task_9")]);
        await OperatedOutbox.UntilAsync(async () => await _operated.Outbox.GetStatusAsync() is { Waiting: 0, Parked: 2 });

        await _browser.ShowAsync("endpoints");

        ILocator row = Page.Locator("#endpoints tbody tr");
        await Assertions.Expect(row).ToHaveCountAsync(1);
        await Assertions.Expect(row).ToContainTextAsync("by bob: buyer is down");
        await Assertions.Expect(row.Locator("td[data-label=Backlog]")).ToHaveTextAsync("2");
        Assert.Empty(_browser.Console);
    }
}
