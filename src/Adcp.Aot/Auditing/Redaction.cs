namespace Adcp.Aot.Auditing;

/// <summary>How a log hides a text.</summary>
public enum Redaction
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>Every text becomes <c>[redacted]</c>; null stays null.</summary>
    Mask = 1,

    /// <summary>
    /// The first 32 hexadecimal digits of the text's SHA-256: equal texts stay recognisable as equal. Whoever can guess
    /// a text can check the guess; mask what can be guessed.
    /// </summary>
    Hash = 2,
}
