using System.Security.Cryptography;
using Adcp.Aot.Json;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform;

/// <summary>The law of a task's changes, one for every registry.</summary>
internal static class TaskRules
{
    /// <returns><c>null</c> if the status may be entered.</returns>
    internal static TaskTransition? Judge(SellerTask task, AdcpTaskStatus status, ReadOnlyMemory<byte> result)
    {
        if (!task.Status.IsTerminal())
        {
            return null;
        }

        // A status that comes after the end is stale news and changes nothing.
        return !status.IsTerminal() || (status == task.Status && Same(task.Result.Span, result.Span))
            ? TaskTransition.Repeated
            : TaskTransition.Conflict;
    }

    /// <returns><c>null</c> if the registration may be changed so.</returns>
    internal static TaskTransition? JudgeRegistration(SellerTask task, PushRegistration? registration) =>
        task.Status.IsTerminal() ? TaskTransition.Conflict
        : registration is null ? task.A2ARegistration is null ? TaskTransition.Repeated : null
        : task.A2ARegistration is null ? null : TaskTransition.Conflict;

    /// <summary>The scope of a new task, whose ids any registry can keep.</summary>
    internal static StoreScope Checked(SellerTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return TaskFacts.IsTaskId(task.TaskId) && !string.IsNullOrWhiteSpace(task.TaskId)
            ? StoreScope.Of(task.Tenant)
            : throw new ArgumentException(
                $"A task id has 1 to {TaskFacts.MaxIdBytes} bytes of UTF-8, not only blanks, no control characters and no lone surrogates.",
                nameof(task));
    }

    /// <summary>About what a task takes to keep.</summary>
    internal static long Bytes(SellerTask task) => 1024L + task.Context.Length + task.Result.Length;

    /// <summary>
    /// A page of what was read, which is one task more than asked for if more follow. It ends early when its tasks
    /// hold as many bytes as a page may, but has at least one task.
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

    /// <summary>Returns a fingerprint that is equal for results that say the same. Empty for none.</summary>
    internal static byte[] Fingerprint(ReadOnlySpan<byte> result)
    {
        if (result.IsEmpty)
        {
            return [];
        }

        // A number outside the range of a double has no canonical form: such results are the same if their bytes are.
        byte[] fingerprint = new byte[CanonicalJson.FingerprintLength];
        return CanonicalJson.TryFingerprint(result, fingerprint, out _) ? fingerprint : SHA256.HashData(result);
    }

    private static bool Same(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) =>
        a.SequenceEqual(b) || Fingerprint(a).AsSpan().SequenceEqual(Fingerprint(b));
}
