using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Delivery;
using Adcp.Aot.Sending;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The helpers that tests of the outbox share: keys, webhooks, and time that passes until something is true.</summary>
internal static class OutboxHarness
{
    private const int StepsPerPause = 5;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    /// <summary>Gets the real time after which a test that hangs fails. No other assertion depends on it.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(5);

    public static SecretsAtRest Secrets { get; } = SecretsAtRest.EncryptedWith(new EncryptionKey("k1", RandomNumberGenerator.GetBytes(32)));

    public static OutboxItem Item(
        string host = "buyer.example", string tenant = "t1", string? id = null, string? stream = null, DateTimeOffset? notBefore = null,
        TimeSpan? maxAge = null, string status = "completed", string? task = null) => new(
        new WebhookDestination($"https://{host}/hook", "op-1", "a-token-of-16-chars"),
        new McpWebhook
        {
            TaskId = task ?? id ?? "task",
            TaskType = TaskType.CreateMediaBuy,
            Status = status == "failed"
            ? AdcpTaskStatus.Failed
            : AdcpTaskStatus.Completed
        },
        new OutboxOptions { Tenant = tenant, DeliveryId = id, SequenceKey = stream, NotBefore = notBefore, MaxAge = maxAge });

    /// <summary>Returns a webhook with an authentication scheme that this program may not know, as a later one would write it.</summary>
    /// <param name="scheme">The scheme, six ASCII characters.</param>
    public static OutboxWebhook Authenticated(string scheme)
    {
        WebhookAuthentication authentication = new(AuthenticationScheme.Bearer, new string('x', 40));
        WebhookDestination destination = new("https://buyer.example/hook", "op-1", null, authentication);
        OutboxWebhook webhook = new(
            new PreparedWebhook(destination, "{}"u8.ToArray(), "key-0123456789abcdef"), new OutboxOptions { Tenant = "t1" }, null);
        byte[] bytes = new byte[webhook.Length];
        webhook.Write(bytes);
        Encoding.UTF8.GetBytes(scheme, bytes.AsSpan(bytes.AsSpan().IndexOf("Bearer"u8)));
        return OutboxWebhook.Read(bytes)!;
    }

    /// <summary>Lets the clock run in small steps until a condition holds.</summary>
    public static Task RunUntilAsync(this FakeTimeProvider time, Func<bool> condition) => time.RunUntilAsync(condition, Step);

    /// <summary>Lets time pass in steps of a given size until a condition is true.</summary>
    public static async Task RunUntilAsync(this FakeTimeProvider time, Func<bool> condition, TimeSpan step)
    {
        long started = TimeProvider.System.GetTimestamp();
        for (int i = 0; !condition(); i++)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, "The condition did not come true.");
            await TurnAsync();
            if (i % 4 == 3)
            {
                time.Advance(step);
                await PauseAsync(i / 4);
            }
        }
    }

    /// <summary>Waits for work that is under way, while no time passes: a condition that needs a timer does not come true.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, "The condition did not come true.");
            await TurnAsync();
        }
    }

    /// <summary>Lets a given time pass in small steps.</summary>
    public static Task RunForAsync(this FakeTimeProvider time, TimeSpan duration) => time.RunForAsync(duration, Step);

    /// <summary>Lets a given time pass in steps of a given size.</summary>
    public static async Task RunForAsync(this FakeTimeProvider time, TimeSpan duration, TimeSpan step)
    {
        int steps = 0;
        for (TimeSpan passed = TimeSpan.Zero; passed < duration; passed += step)
        {
            await TurnAsync();
            time.Advance(step);
            await PauseAsync(steps++);
        }

        await TurnAsync();
    }

    /// <summary>
    /// Gives the processor to threads that wait for it on a busy machine. Without it, seconds of the clock pass while a thread waits. If
    /// nothing runs or waits on the thread pool but this call, no thread needs it.
    /// </summary>
    private static Task PauseAsync(int step) => step % StepsPerPause == 0 && IsPoolBusy() ? Task.Delay(1) : Task.CompletedTask;

    private static bool IsPoolBusy()
    {
        ThreadPool.GetMaxThreads(out int most, out _);
        ThreadPool.GetAvailableThreads(out int free, out _);
        return ThreadPool.PendingWorkItemCount > 0 || most - free > 1;
    }

    /// <summary>Lets the work that is queued on the thread pool run.</summary>
    private static async Task TurnAsync()
    {
        for (int i = 0; i < 8; i++)
        {
            TaskCompletionSource turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
            ThreadPool.UnsafeQueueUserWorkItem(static turn => ((TaskCompletionSource)turn!).SetResult(), turn);
            await turn.Task;
        }
    }
}
