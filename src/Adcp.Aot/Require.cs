namespace Adcp.Aot;

/// <summary>The checks that options and arguments share. Each returns the value, so that a property checks it when it is set.</summary>
internal static class Require
{
    /// <summary>Returns a value that is in a range.</summary>
    /// <param name="value">The value.</param>
    /// <param name="low">The least value that is allowed.</param>
    /// <param name="high">The greatest value that is allowed.</param>
    /// <param name="name">The member at fault.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside the range.</exception>
    internal static T InRange<T>(T value, T low, T high, string name)
        where T : IComparable<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, low, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, high, name);
        return value;
    }

    /// <summary>Returns a value that is not null.</summary>
    /// <param name="value">The value.</param>
    /// <param name="name">The member at fault.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    internal static T NotNull<T>(T? value, string name)
        where T : class => value ?? throw new ArgumentNullException(name);
}
