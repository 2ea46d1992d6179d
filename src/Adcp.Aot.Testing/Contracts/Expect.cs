using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Adcp.Aot.Testing;

/// <summary>The expectations of a rule. A message shows the expression, the value expected and the value seen.</summary>
internal static class Expect
{
    internal static void Equal<T>(T expected, T seen, [CallerArgumentExpression(nameof(seen))] string expression = "")
    {
        if (!EqualityComparer<T>.Default.Equals(expected, seen))
        {
            throw Unmet(expression, Text(expected), Text(seen));
        }
    }

    internal static void Sequence<T>(
        IEnumerable<T> expected, IEnumerable<T> seen, [CallerArgumentExpression(nameof(seen))] string expression = "")
    {
        T[] were = [.. seen];
        if (!expected.SequenceEqual(were))
        {
            throw Unmet(expression, Text(expected), Text(were));
        }
    }

    internal static void True(bool seen, [CallerArgumentExpression(nameof(seen))] string expression = "") => Equal(true, seen, expression);

    internal static void False(bool seen, [CallerArgumentExpression(nameof(seen))] string expression = "") =>
        Equal(false, seen, expression);

    internal static void Null(object? seen, [CallerArgumentExpression(nameof(seen))] string expression = "")
    {
        if (seen is not null)
        {
            throw Unmet(expression, "null", Text(seen));
        }
    }

    /// <summary>Returns a value that must not be null.</summary>
    internal static T NotNull<T>([NotNull] T? seen, [CallerArgumentExpression(nameof(seen))] string expression = "")
        where T : class => seen ?? throw Unmet(expression, "a value", "null");

    internal static void Empty<T>(IEnumerable<T> seen, [CallerArgumentExpression(nameof(seen))] string expression = "") =>
        Sequence([], seen, expression);

    /// <summary>Returns the only item.</summary>
    internal static T Single<T>(IEnumerable<T> seen, [CallerArgumentExpression(nameof(seen))] string expression = "")
    {
        T[] were = [.. seen];
        return were.Length == 1 ? were[0] : throw Unmet(expression, "one item", Text(were));
    }

    internal static void InRange<T>(T seen, T low, T high, [CallerArgumentExpression(nameof(seen))] string expression = "")
        where T : IComparable<T>
    {
        if (seen.CompareTo(low) < 0 || seen.CompareTo(high) > 0)
        {
            throw Unmet(expression, $"{Text(low)} to {Text(high)}", Text(seen));
        }
    }

    /// <summary>Expects an exception of a type, or of one derived from it.</summary>
    internal static async Task<T> ThrowsAsync<T>(Func<Task> call, [CallerArgumentExpression(nameof(call))] string expression = "")
        where T : Exception
    {
        try
        {
            await call().ConfigureAwait(false);
        }
        catch (T thrown)
        {
            return thrown;
        }
        catch (Exception other)
        {
            throw Unmet(expression, typeof(T).Name, $"{other.GetType().Name}: {other.Message}");
        }

        throw Unmet(expression, typeof(T).Name, "no exception");
    }

    private static UnmetException Unmet(string expression, string expected, string seen)
    {
        string line = string.Join(' ', expression.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return new UnmetException($"Expected {expected}, but was {seen}: {line}");
    }

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        IEnumerable items => $"[{string.Join(", ", items.Cast<object?>().Select(Text))}]",
        _ => value.ToString() ?? "",
    };
}

/// <summary>An expectation of <see cref="Expect"/> does not hold.</summary>
/// <param name="message">The expression, the value expected and the value seen.</param>
[SuppressMessage("Design", "CA1032:Implement standard exception constructors", Justification = "Never leaves the package.")]
[SuppressMessage("Design", "CA1064:Exceptions should be public", Justification = "Becomes a ContractException.")]
internal sealed class UnmetException(string message) : Exception(message);
