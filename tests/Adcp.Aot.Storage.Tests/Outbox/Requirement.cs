using System.Reflection;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A requirement of an outbox, the tests that fail without it, and the part that no test of the outbox shows.</summary>
/// <param name="Text">The requirement, after the thread or the fault that it comes from.</param>
/// <param name="Tests">The tests, as type and method.</param>
/// <param name="Reason">Why a part or all of it is shown elsewhere or not met; <see langword="null"/> if it is all shown.</param>
internal sealed record Requirement(string Text, IReadOnlyList<(Type Class, string Method)> Tests, string? Reason = null)
{
    internal static Requirement Of(string text, params (Type Class, string Method)[] tests) => new(text, tests);

    internal static Requirement Partly(string text, string reason, params (Type Class, string Method)[] tests) => new(text, tests, reason);

    internal static Requirement Without(string text, string reason) => new(text, [], reason);

    /// <summary>Fails if there is neither a test nor a reason, or if a test never runs.</summary>
    internal void AssertShown()
    {
        Assert.True(Tests.Count > 0 || Reason is not null, Text);
        foreach ((Type type, string name) in Tests)
        {
            MethodInfo method = Assert.Single(type.GetMethods(), method => method.Name == name);
            FactAttribute fact = Assert.Single(method.GetCustomAttributes<FactAttribute>(inherit: true));
            Assert.Null(fact.Skip);
            Assert.False(fact.Explicit, name);

            // A contract runs in the classes of the stores.
            Assert.True(
                !type.IsAbstract
                    || type.Assembly.GetTypes().Any(other => other.IsSubclassOf(type) && other is { IsAbstract: false, IsPublic: true }),
                $"{type.Name} has no class that runs it.");
        }
    }
}
