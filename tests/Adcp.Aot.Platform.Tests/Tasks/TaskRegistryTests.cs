using System.Text;
using Adcp.Aot.Sending;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Tasks;

/// <summary>The contract, and the means of further tests, for each of our registries.</summary>
public abstract class TaskRegistryTests : TaskRegistryContract, IAsyncLifetime
{
    protected const string Token = "a-token-of-sixteen";
    protected const string Credentials = "kq8Zt3Vw0xN5yRb7Jm2Hc9Lf4Pd6Gs1A";

    public static TheoryData<string> Contract { get; } = [.. Rules];

    protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    protected override DateTimeOffset Now => Time.GetUtcNow();

    private protected ITaskRegistry Tasks { get; private set; } = null!;

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        Tasks = Open();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await EndAsync();
    }

    protected abstract Task PrepareAsync();

    protected abstract Task EndAsync();

    protected override ValueTask<ITaskRegistry> OpenAsync(CancellationToken cancellationToken) => new(Open());

    protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        Time.Advance(time);
        return default;
    }

    /// <summary>Opens the registry as another process would; a registry in memory has only the first.</summary>
    private protected abstract ITaskRegistry Open();

    private protected static SellerTask New(string id, string tenant = "buyer", AdcpTaskStatus status = AdcpTaskStatus.Submitted) =>
        new(tenant, id, TaskType.CreateMediaBuy, status, null, null, default);

    private protected static PushRegistration Adcp(string path = "hook") => new(
        PushChannel.Adcp,
        new WebhookDestination($"https://buyer.example/{path}?key=query-secret", "op_1", Token,
            new WebhookAuthentication(AuthenticationScheme.HmacSha256, Credentials)));

    private protected static PushRegistration A2A() => new(
        PushChannel.A2A, new WebhookDestination("https://buyer.example/a2a", null, Token,
            new WebhookAuthentication(AuthenticationScheme.Bearer, Credentials)));

    private protected static ReadOnlyMemory<byte> Json(string json) => Encoding.UTF8.GetBytes(json);
}
