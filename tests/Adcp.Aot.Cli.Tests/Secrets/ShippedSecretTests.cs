using System.Reflection;
using Adcp.Aot.Tests.Documentation;
using Adcp.Aot.Tests.Secrets;

namespace Adcp.Aot.Cli.Tests.Secrets;

/// <summary>The text of every public type of every package.</summary>
public sealed class ShippedSecretTests
{
    private const string Command = "adcp-webhooks";

    private static readonly Assembly[] Shipped =
    [
        .. Repository.Folders("src").Select(static project => project == "Adcp.Aot.Cli" ? Command : project)
            .Select(static name => Assembly.Load(name)),
    ];

    public static TheoryData<string> Packages { get; } = [.. Shipped.Select(static assembly => assembly.GetName().Name!)];

    [Fact]
    public void Every_project_of_src_is_looked_at() =>
        Assert.Superset(
            Repository.List("src", "*.csproj").Select(static path => Path.GetFileNameWithoutExtension(path))
                .Select(static name => name == "Adcp.Aot.Cli" ? Command : name).ToHashSet(),
            Packages.Select(static row => row.Data).ToHashSet());

    [Theory]
    [MemberData(nameof(Packages))]
    public void No_record_prints_a_member_that_is_named_after_a_secret(string package) =>
        Assert.Empty(SecretProbe.PrintedMembers(Assembly.Load(package)));

    [Theory]
    [MemberData(nameof(Packages))]
    public void No_public_type_made_of_secrets_shows_one_in_its_text(string package) =>
        Assert.Empty(SecretProbe.Instances(Assembly.Load(package)).Leaks);

    [Theory]
    [MemberData(nameof(Packages))]
    public void No_public_type_whose_fields_are_secrets_shows_one_in_its_text(string package)
    {
        (IReadOnlyList<string> leaks, int made) = SecretProbe.Shapes(Assembly.Load(package));

        Assert.Empty(leaks);
        Assert.Equal(SecretProbe.Concrete(Assembly.Load(package)).Count(), made);
    }

    [Fact]
    public void The_probe_makes_most_types_by_their_constructors() =>
        Assert.InRange(Shipped.Sum(static assembly => SecretProbe.Instances(assembly).Made), 110, int.MaxValue);
}
