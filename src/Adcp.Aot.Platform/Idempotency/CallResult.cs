namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The result of a call with an idempotency key.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Reply">The answer, if there is one.</param>
/// <param name="Fault">The exception of a call that failed.</param>
/// <param name="Wait">The time until another try, if another process performs the request.</param>
internal readonly record struct CallResult(CallResultKind Kind, ToolReply? Reply = null, Exception? Fault = null, TimeSpan Wait = default)
{
    internal static CallResult Unresolved { get; } = new(CallResultKind.Unresolved);

    internal static CallResult Performed(ToolReply reply) => new(CallResultKind.Performed, reply);

    internal static CallResult Known(ToolReply reply) => new(CallResultKind.Known, reply);

    internal static CallResult Failed(Exception fault) => new(CallResultKind.Failed, Fault: fault);
}
