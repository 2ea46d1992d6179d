using System.CommandLine;
using System.Globalization;

namespace Adcp.Aot.Cli;

/// <summary>Options that several commands share, with their rules.</summary>
internal static class Options
{
    internal static Option<bool> Json() => new("--json") { Description = "Print JSON instead of text." };

    internal static Option<string> Text(string name, string description, bool required = false) =>
        new(name) { Description = description, Required = required };

    internal static Option<string> OneOf(string name, string description, string? byDefault, params string[] values)
    {
        Option<string> option = new(name) { Description = $"{description} {string.Join(", ", values)}.", Required = byDefault is null };
        if (byDefault is not null)
        {
            option.DefaultValueFactory = _ => byDefault;
        }

        option.AcceptOnlyFromAmong(values);
        return option;
    }

    internal static Option<int> Number(string name, string description, int byDefault, int low, int high) => new(name)
    {
        Description = string.Create(CultureInfo.InvariantCulture, $"{description} {low} to {high}."),
        DefaultValueFactory = _ => byDefault,
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens.SingleOrDefault()?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
                && value >= low && value <= high)
            {
                return value;
            }

            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} takes a whole number from {low} to {high}."));
            return byDefault;
        },
    };

    /// <summary>Creates an option for a time span such as <c>250ms</c>, <c>1s</c>, <c>2m</c> or <c>1h</c>.</summary>
    internal static Option<TimeSpan> Duration(string name, string description, TimeSpan byDefault, TimeSpan high) => new(name)
    {
        Description = description + " Such as 250ms, 1s, 2m, 1h.",
        DefaultValueFactory = _ => byDefault,
        CustomParser = result =>
        {
            if (TryParseDuration(result.Tokens.SingleOrDefault()?.Value, out TimeSpan value) && value <= high)
            {
                return value;
            }

            result.AddError($"{name} takes a time up to {high:c}, such as 250ms, 1s, 2m or 1h.");
            return byDefault;
        },
    };

    private static bool TryParseDuration(string? text, out TimeSpan value)
    {
        (string unit, double ticks)[] units =
            [("ms", TimeSpan.TicksPerMillisecond), ("s", TimeSpan.TicksPerSecond), ("m", TimeSpan.TicksPerMinute),
                ("h", TimeSpan.TicksPerHour)];
        foreach ((string unit, double ticks) in units)
        {
            if (text?.EndsWith(unit, StringComparison.Ordinal) == true
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint,
                    CultureInfo.InvariantCulture, out double number)
                && number * ticks < long.MaxValue / 2)
            {
                value = TimeSpan.FromTicks((long)(number * ticks));
                return true;
            }
        }

        value = default;
        return false;
    }
}
