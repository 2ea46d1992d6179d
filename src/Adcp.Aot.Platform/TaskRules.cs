using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>The law of a task's changes, one for every registry.</summary>
internal static class TaskRules
{
    /// <returns>Null where the status may be entered.</returns>
    internal static TaskTransition? Judge(SellerTask task, AdcpTaskStatus status, ReadOnlyMemory<byte> result)
    {
        if (!task.Status.IsTerminal())
        {
            return null;
        }

        // A status that comes after the end is stale news and changes nothing.
        return !status.IsTerminal() || (status == task.Status && Same(task.Result.Span, result.Span)) ? TaskTransition.Repeated : TaskTransition.Conflict;
    }

    private static bool Same(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.IsEmpty || b.IsEmpty)
        {
            return a.IsEmpty && b.IsEmpty;
        }

        Span<byte> first = stackalloc byte[CanonicalJson.FingerprintLength];
        Span<byte> second = stackalloc byte[CanonicalJson.FingerprintLength];
        return CanonicalJson.TryFingerprint(a, first, out _) && CanonicalJson.TryFingerprint(b, second, out _) && first.SequenceEqual(second);
    }
}
