using System.Security.Cryptography;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>The rules for changes of a task. Every registry uses them.</summary>
internal static class TaskRules
{
    /// <returns><c>null</c> if the status may be entered.</returns>
    internal static TaskTransition? Judge(SellerTask task, AdcpTaskStatus status, ReadOnlyMemory<byte> result)
    {
        if (!task.Status.IsTerminal())
        {
            return null;
        }

        // A status that arrives after the end is stale and changes nothing.
        return !status.IsTerminal() || (status == task.Status && Same(task.Result.Span, result.Span))
            ? TaskTransition.Repeated
            : TaskTransition.Conflict;
    }

    /// <returns><c>null</c> if the registration may be changed this way.</returns>
    internal static TaskTransition? JudgeRegistration(SellerTask task, PushRegistration? registration) =>
        task.Status.IsTerminal() ? TaskTransition.Conflict
        : registration is null ? task.A2ARegistration is null ? TaskTransition.Repeated : null
        : task.A2ARegistration is null ? null : TaskTransition.Conflict;

    /// <summary>Returns the scope of a new task. Throws if a registry could not keep its ids.</summary>
    internal static StoreScope Checked(SellerTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return TaskFacts.IsTaskId(task.TaskId) && !string.IsNullOrWhiteSpace(task.TaskId)
            ? StoreScope.Of(task.Tenant)
            : throw new ArgumentException(
                $"A task id has 1 to {TaskFacts.MaxIdBytes} bytes of UTF-8, not only blanks, no control characters and no lone surrogates.",
                nameof(task));
    }

    /// <summary>Returns the approximate size of a kept task.</summary>
    internal static long Bytes(SellerTask task) => 1024L + task.Context.Length + task.Result.Length;

    /// <summary>
    /// Returns a page of the tasks that were read. If more follow, one task more was read than asked for. A page ends
    /// early when its tasks hold the maximum number of bytes, but has at least one task.
    /// </summary>
    internal static TaskPage<SellerTask> Page(StoreScope scope, TaskQuery query, IReadOnlyList<StoredTask<SellerTask>> read)
    {
        int length = Fitting(read, Math.Min(query.PageSize, read.Count));
        StoredTask<SellerTask>[] page = [.. read.Take(length)];
        return length == read.Count ? new(page, null)
            : new(page, new PageToken(page[^1].UpdatedAt.ToUnixTimeMilliseconds(), page[^1].Task.TaskId).Encode(scope, query));
    }

    private static int Fitting(IReadOnlyList<StoredTask<SellerTask>> read, int most)
    {
        long bytes = 0;
        for (int i = 0; i < most; i++)
        {
            bytes += Bytes(read[i].Task);
            if (bytes > ITaskRegistry.MaxPageBytes && i > 0)
            {
                return i;
            }
        }

        return most;
    }

    internal static ArgumentException Taken() => new("The tenant has a task of this id.", "task");

    /// <summary>Returns a fingerprint that is equal for equivalent results. Empty for none.</summary>
    internal static byte[] Fingerprint(ReadOnlySpan<byte> result)
    {
        if (result.IsEmpty)
        {
            return [];
        }

        // If a number is outside the range of a double, it has no canonical form: such results are the same if their
        // bytes are.
        byte[] fingerprint = new byte[CanonicalJson.FingerprintLength];
        return CanonicalJson.TryFingerprint(result, fingerprint, out _) ? fingerprint : SHA256.HashData(result);
    }

    private static bool Same(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) =>
        a.SequenceEqual(b) || Fingerprint(a).AsSpan().SequenceEqual(Fingerprint(b));
}
