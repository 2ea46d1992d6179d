namespace Adcp.Aot.Auditing;

/// <summary>The way in which a log hides a text.</summary>
public enum Redaction
{
    /// <summary>The text is not hidden.</summary>
    None = 0,

    /// <summary>Every text becomes <c>[redacted]</c>; null stays null.</summary>
    Mask = 1,

    /// <summary>
    /// The first 32 hexadecimal digits of the text's SHA-256: equal texts stay recognisable as equal. If a text can be
    /// guessed, the guess can be checked against the hash: mask such texts.
    /// </summary>
    Hash = 2,
}
