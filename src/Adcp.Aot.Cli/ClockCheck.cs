using System.Globalization;

namespace Adcp.Aot.Cli;

/// <summary>Judges the difference between this machine's clock and another one.</summary>
internal static class ClockCheck
{
    /// <summary>Receivers refuse a signature that was created more than this in their future.</summary>
    private static readonly TimeSpan MaxDifference = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Notable = TimeSpan.FromSeconds(5);

    /// <param name="offset">How far the other clock is ahead.</param>
    /// <param name="other">The other clock.</param>
    internal static Finding Judge(TimeSpan offset, string other)
    {
        TimeSpan difference = offset.Duration();
        string text = difference < TimeSpan.FromSeconds(1)
            ? $"this machine and {other} agree"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"this machine is {difference.TotalSeconds:0.#} s {(offset > TimeSpan.Zero ? "behind" : "ahead of")} {other}");
        const string Advice = "Find out which clock is wrong, and synchronise it by NTP";
        return difference > MaxDifference ? Finding.Failed("clock", text, $"{Advice}: beyond 60 s signatures are refused.")
            : difference > Notable ? Finding.Warning("clock", text, Advice + ".")
            : Finding.Ok("clock", text);
    }
}
