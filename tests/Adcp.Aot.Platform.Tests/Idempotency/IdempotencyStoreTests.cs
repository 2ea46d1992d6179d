using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>The contract, and the means of further tests, for each of our stores.</summary>
public abstract class IdempotencyStoreTests : IdempotencyStoreContract, IAsyncLifetime
{
    protected static readonly string Request = new('a', 64);
    protected static readonly string Asked = new('1', 64);
    protected static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);

    public static TheoryData<string> Contract { get; } = [.. Rules, .. UnresolvedRules];

    protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 25, 12, 0, 0, TimeSpan.Zero));

    private protected IIdempotencyStore Store { get; private set; } = null!;

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        Store = Open();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await EndAsync();
    }

    protected virtual Task PrepareAsync() => Task.CompletedTask;

    protected virtual Task EndAsync() => Task.CompletedTask;

    protected override ValueTask<IIdempotencyStore> OpenAsync(CancellationToken cancellationToken) => new(Open());

    protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        Time.Advance(time);
        return default;
    }

    /// <summary>Opens the store as another process would; a store in memory has only the first.</summary>
    private protected abstract IIdempotencyStore Open();

    private protected ValueTask AdvanceAsync(TimeSpan time) => AdvanceAsync(time, default);

    private protected ValueTask<IdempotencyClaim> ClaimAsync() => Open().ClaimAsync("buyer", Request, Asked, Lease);

    [Fact]
    public void Answers_are_repeated_for_a_day_by_default() => Assert.Equal(TimeSpan.FromHours(24), Store.ReplayTimeToLive);

    [Fact]
    public void Bad_options_are_refused_by_name()
    {
        Assert.Equal("ReplayTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                new IdempotencyStoreOptions { ReplayTimeToLive = TimeSpan.FromMinutes(59) }).ParamName);
        Assert.Equal("ReplayTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                new IdempotencyStoreOptions { ReplayTimeToLive = TimeSpan.FromDays(8) }).ParamName);
        Assert.Equal("ReplayTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() =>
                new IdempotencyStoreOptions { ReplayTimeToLive = TimeSpan.FromHours(1.0001) }).ParamName);
        Assert.Equal("ExpiredTimeToLive",
            Assert.Throws<ArgumentOutOfRangeException>(() => new IdempotencyStoreOptions { ExpiredTimeToLive = TimeSpan.Zero }).ParamName);
        Assert.Throws<ArgumentNullException>(() => new IdempotencyStoreOptions { TimeProvider = null! });
        Assert.Equal("Secrets",
            Assert.Throws<ArgumentException>(() => new IdempotencyStoreOptions { Secrets = SecretsAtRest.KeptOut }).ParamName);
    }
}
