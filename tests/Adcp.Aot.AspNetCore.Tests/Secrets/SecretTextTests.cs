using System.Reflection;
using Adcp.Aot.Platform;
using Adcp.Aot.Storage;
using Adcp.Aot.Tests.Secrets;

namespace Adcp.Aot.AspNetCore.Tests.Secrets;

/// <summary>The text of every public type of the packages that build on Adcp.Aot, whose own types are tested there.</summary>
public sealed class SecretTextTests
{
    private static readonly Assembly[] Shipped =
        [typeof(AdcpEndpointOptions).Assembly, typeof(PlatformHandler).Assembly, typeof(SecretsAtRest).Assembly];

    [Fact]
    public void No_record_prints_a_member_that_is_named_after_a_secret() =>
        Assert.Empty(Shipped.SelectMany(SecretProbe.PrintedMembers));

    [Fact]
    public void No_public_type_made_of_secrets_shows_one_in_its_text()
    {
        (IReadOnlyList<string> Leaks, int Made)[] probed = [.. Shipped.Select(SecretProbe.Instances)];

        Assert.Empty(probed.SelectMany(static each => each.Leaks));
        Assert.True(probed.Sum(static each => each.Made) >= 30,
            $"Only {string.Join(", ", probed.Select(static each => each.Made))} instances.");
    }
}
