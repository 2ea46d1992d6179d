using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace Adcp.Aot.Benchmarks;

/// <summary>Options that several commands have.</summary>
internal static class Options
{
    /// <summary>A number within bounds.</summary>
    internal static Option<T> Number<T>(string name, string description, T byDefault, T low, T high)
        where T : struct, INumber<T> => new(name)
        {
            Description = string.Create(CultureInfo.InvariantCulture, $"{description} {low} to {high}."),
            DefaultValueFactory = _ => byDefault,
            CustomParser = result =>
            {
                if (T.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out T value) && value >= low && value <= high)
                {
                    return value;
                }

                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} takes a number from {low} to {high}."));
                return byDefault;
            },
        };
}
