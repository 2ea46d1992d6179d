namespace Adcp.Aot.Operations;

/// <summary>The rows of a page.</summary>
internal static class PageLimit
{
    internal const int Default = 100;
    internal const int Most = 1000;

    internal static int Check(int value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Most, name);
        return value;
    }
}
