using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>Checks lists that must have at least one item and no duplicates.</summary>
internal static class NonEmptyList
{
    internal static IReadOnlyList<T> Of<T>(IReadOnlyList<T>? values, string name)
        where T : struct, Enum
    {
        Check(values, name);
        return [.. values!.Select(value => JsonWire.Defined(value, name))];
    }

    internal static IReadOnlyList<string> Of(IReadOnlyList<string>? values, string name, Func<string, string> check)
    {
        Check(values, name);
        return [.. values!.Select(check)];
    }

    private static void Check<T>(IReadOnlyList<T>? values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        if (values.Count == 0 || values.Distinct().Count() != values.Count)
        {
            throw new ArgumentException("Must contain at least one item and no duplicates.", name);
        }
    }
}
