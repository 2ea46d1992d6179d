namespace Adcp.Aot.Generators.Models;

/// <summary>Mirrors <c>Adcp.Aot.Auditing.Redaction</c>, number for number.</summary>
internal enum Redaction
{
    None = 0,
    Mask = 1,
    Hash = 2,
}
