namespace Adcp.Aot.Cli;

/// <summary>The result of one check of <c>doctor</c>.</summary>
/// <param name="Status">ok, warning or failed.</param>
/// <param name="Check">The check.</param>
/// <param name="Text">The observation. It may hold text of another party.</param>
/// <param name="Advice">What to do about it; <c>null</c> if there is nothing to do.</param>
internal sealed record Finding(string Status, string Check, string Text, string? Advice = null)
{
    internal static Finding Ok(string check, string text) => new("ok", check, text);

    internal static Finding Warning(string check, string text, string advice) => new("warning", check, text, advice);

    internal static Finding Failed(string check, string text, string advice) => new("failed", check, text, advice);
}
