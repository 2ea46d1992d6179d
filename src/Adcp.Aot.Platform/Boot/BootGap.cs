namespace Adcp.Aot.Platform;

/// <summary>A missing or contradictory part of a seller's wiring.</summary>
/// <param name="Code">Its stable name, such as <c>webhook_sender_or_supervisor</c>.</param>
/// <param name="Message">The fault and the option to change.</param>
public sealed record BootGap(string Code, string Message);
