using System.Reflection;

namespace Adcp.Aot.Tests.Secrets;

public sealed class SecretTextTests
{
    private static readonly Assembly Shipped = typeof(InMemoryWebhookDeliverySupervisor).Assembly;

    [Fact]
    public void No_record_prints_a_member_that_is_named_after_a_secret() => Assert.Empty(SecretProbe.PrintedMembers(Shipped));

    [Fact]
    public void No_public_type_made_of_secrets_shows_one_in_its_text()
    {
        (IReadOnlyList<string> leaks, int made) = SecretProbe.Instances(Shipped);

        Assert.Empty(leaks);
        Assert.True(made >= 80, $"Only {made} instances could be made: the probe does not see much.");
    }

    [Fact]
    public void The_probe_finds_a_record_that_prints_its_secret()
    {
        Assert.Contains(typeof(Careless).FullName + "." + nameof(Careless.Token), SecretProbe.PrintedMembers(typeof(Careless).Assembly));
        Assert.Contains(typeof(Careless).FullName!, SecretProbe.Instances(typeof(Careless).Assembly).Leaks);
        Assert.Contains(typeof(Careless).FullName!, SecretProbe.Shapes(typeof(Careless).Assembly).Leaks);
        Assert.Contains(typeof(Closed).FullName!, SecretProbe.Shapes(typeof(Careless).Assembly).Leaks);
    }

    public sealed record Careless(string Token);

    /// <summary>A type that no test can construct.</summary>
    public sealed class Closed
    {
        private readonly Careless _inner;

        internal Closed(Careless inner) => _inner = inner;

        public override string ToString() => $"{nameof(Closed)} {_inner}";
    }
}
