using Adcp.Aot.Payloads;
using Adcp.Aot.Storage.A2A;

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

    /// <returns>Null where the registration may be changed so.</returns>
    internal static TaskTransition? JudgeRegistration(SellerTask task, PushRegistration? registration) =>
        task.Status.IsTerminal() ? TaskTransition.Conflict
        : registration is null ? task.A2ARegistration is null ? TaskTransition.Repeated : null
        : task.A2ARegistration is null ? null : TaskTransition.Conflict;

    /// <summary>The scope of a new task, whose ids any registry can keep.</summary>
    internal static StoreScope Checked(SellerTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return TaskFacts.IsTaskId(task.TaskId)
            ? StoreScope.Of(task.Tenant)
            : throw new ArgumentException($"A task id has 1 to {TaskFacts.MaxIdBytes} bytes of UTF-8, no control characters and no lone surrogates.", nameof(task));
    }

    internal static ArgumentException Taken() => new("The tenant has a task of this id.", "task");

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
