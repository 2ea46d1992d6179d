namespace Adcp.Aot.Platform.Tests.Registries;

public sealed class InMemoryTaskRegistryTests : TaskRegistryContract
{
    private InMemoryTaskRegistry _registry = null!;

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
