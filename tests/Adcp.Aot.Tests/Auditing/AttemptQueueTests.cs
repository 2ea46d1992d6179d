using Adcp.Aot.Auditing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Auditing;

public sealed class AttemptQueueTests
{
    private readonly DeliveryAttempt[] _batch =
        [.. Enumerable.Range(0, 64).Select(static _ => new DeliveryAttempt(new WallClock(new FakeTimeProvider())))];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    public void A_queue_of_any_capacity_goes_on_after_it_was_full(int capacity)
    {
        AttemptQueue queue = new(capacity);
        int taken = 0;

        for (int round = 0; round < 10; round++)
        {
            while (Add(queue, thread: 1))
            {
            }

            taken += TakeAll(queue);
        }

        Assert.True(taken >= 10 * Math.Max(1, capacity / 2), $"Only {taken} entries came through.");
        Assert.Equal(10, queue.Dropped);
        Assert.Equal(0, queue.Waiting);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(ThreadStripe.Beyond)]
    public void Without_memory_for_a_block_entries_are_dropped_and_no_lock_stays_held(int thread)
    {
        bool isOut = true;
        AttemptQueue queue = new(64, size => isOut ? throw new InsufficientMemoryException() : new AttemptQueue.Block(size));

        bool first = Add(queue, thread);
        isOut = false;
        bool other = false;
        Thread second = new(() => other = Add(queue, ThreadStripe.Beyond));
        second.Start();

        Assert.False(first);
        Assert.True(second.Join(TimeSpan.FromMinutes(1)), "The lock of the shared line is still held.");
        Assert.True(other);
        Assert.Equal(1, queue.Dropped);
    }

    [Fact]
    public void A_full_queue_is_found_full_by_threads_of_the_shared_line_too()
    {
        AttemptQueue queue = new(16);
        while (Add(queue, ThreadStripe.Beyond))
        {
        }

        Assert.False(Add(queue, ThreadStripe.Beyond));
        Assert.Equal(2, queue.Dropped);

        Assert.Equal(16, TakeAll(queue));
        Assert.True(Add(queue, ThreadStripe.Beyond));
    }

    [Fact]
    public void Waiting_counts_what_is_published_and_not_taken_over_all_lines()
    {
        AttemptQueue queue = new(1024);
        for (int i = 0; i < 100; i++)
        {
            Add(queue, thread: 1);
            Add(queue, thread: 2);
        }

        int taken = queue.Take(1, _batch.AsSpan(0, 30));

        Assert.Equal((30, 170), (taken, queue.Waiting));
    }

    private static bool Add(AttemptQueue queue, int thread)
    {
        if (queue.Claim(thread) is not { } claimed)
        {
            return false;
        }

        queue.Publish(claimed);
        return true;
    }

    private int TakeAll(AttemptQueue queue)
    {
        int taken = 0;
        for (int line = 0; line < queue.Lines; line++)
        {
            while (queue.Take(line, _batch) is > 0 and int count)
            {
                taken += count;
            }
        }

        return taken;
    }
}
