namespace Adcp.Aot.Platform;

/// <summary>One thing missing or contradictory in a seller's wiring.</summary>
/// <param name="Code">Its stable name, such as <c>webhook_sender_or_supervisor</c>.</param>
/// <param name="Message">What is wrong and which option to change.</param>
public sealed record BootGap(string Code, string Message);
