namespace Adcp.Aot.Platform.Tests.Tasks;

public sealed class InMemoryTaskRegistryTests : TaskRegistryTests
{
    private InMemoryTaskRegistry _registry = null!;

    [Fact]
    public async Task One_tenant_fills_its_own_share_in_count_and_bytes_and_evicts_only_its_own()
    {
        using InMemoryTaskRegistry tasks = new(new InMemoryLimits { CapacityPerTenant = 2, MaxBytesPerTenant = 64 << 10 });
        await tasks.CreateAsync(New("ended", "victim", AdcpTaskStatus.Completed));
        await tasks.CreateAsync(New("a", "greedy"));
        await tasks.CreateAsync(New("b", "greedy"));
        await tasks.CreateAsync(New("a", "large") with { Context = new byte[60 << 10] });

        AdcpErrorException count = await Assert.ThrowsAsync<AdcpErrorException>(() => tasks.CreateAsync(New("c", "greedy")).AsTask());
        AdcpErrorException bytes =
            await Assert.ThrowsAsync<AdcpErrorException>(
                () => tasks.CreateAsync(New("b", "large") with { Context = new byte[60 << 10] }).AsTask());
        await tasks.TransitionAsync("greedy", "a", AdcpTaskStatus.Completed, default);
        await tasks.CreateAsync(New("c", "greedy"));

        Assert.Equal(("RATE_LIMITED", "RATE_LIMITED"), (count.Error.Code, bytes.Error.Code));
        Assert.NotNull(await tasks.FindAsync("victim", "ended"));
        Assert.Null(await tasks.FindAsync("greedy", "a"));
        await tasks.CreateAsync(New("new", "victim"));
    }

    protected override Task PrepareAsync()
    {
        _registry = new InMemoryTaskRegistry(timeProvider: Time);
        return Task.CompletedTask;
    }

    protected override Task EndAsync()
    {
        _registry.Dispose();
        return Task.CompletedTask;
    }

    private protected override ITaskRegistry Open() => _registry;
}
