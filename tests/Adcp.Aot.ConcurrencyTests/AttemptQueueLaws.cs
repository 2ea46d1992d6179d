using Adcp.Aot.Auditing;
using Adcp.Aot.Threading;

namespace Adcp.Aot.ConcurrencyTests;

public sealed class AttemptQueueLaws
{
    private static readonly PreparedWebhook Webhook =
        new(new WebhookDestination("https://buyer.example/hook"), "{}"u8.ToArray(), "concurrency-test-key-0001");

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Every_record_is_taken_once_or_counted_as_dropped(int capacity) => Systematic.Explore(async () =>
    {
        AttemptQueue queue = new(capacity);
        int[] seen = new int[5];
        int added = 0;
        void Write(int from)
        {
            for (int number = from; number < from + 2; number++)
            {
                if (Add(queue, number))
                {
                    Interlocked.Increment(ref added);
                }
            }
        }

        void Take()
        {
            WallClock wall = new(new HandTurnedTime());
            DeliveryAttempt[] batch = [new(wall), new(wall)];
            for (int line = 0; line < queue.Lines; line++)
            {
                while (queue.Take(line, batch) is > 0 and int taken)
                {
                    foreach (DeliveryAttempt record in batch.AsSpan(0, taken))
                    {
                        Assert.Same(Webhook, record.Webhook);
                        seen[record.AttemptNumber]++;
                    }
                }
            }
        }

        await Task.WhenAll(Task.Run(() => Write(1)), Task.Run(() => Write(3)), Task.Run(Take));
        Take();
        Assert.All(seen, static times => Assert.InRange(times, 0, 1));
        Assert.Equal(added, seen.Sum());
        Assert.Equal(4 - added, queue.Dropped);
        Assert.False(queue.HasItems);
    });

    [Fact]
    public void A_writer_beside_a_reader_going_to_sleep_is_never_missed() => Systematic.Explore(async () =>
    {
        WakeSignal signal = new();
        int published = 0;
        bool asleep = false;
        void Write()
        {
            Volatile.Write(ref published, 1);
            signal.Wake();
        }

        void Read()
        {
            signal.Announce();
            asleep = Volatile.Read(ref published) == 0 || !signal.StayAwake();
        }

        await Task.WhenAll(Task.Run(Write), Task.Run(Read));
        Assert.True(!asleep || !signal.StayAwake(), "The reader sleeps, and no writer has signalled.");
    });

    private static bool Add(AttemptQueue queue, int number)
    {
        if (queue.Claim(ThreadStripe.Index) is not { } claimed)
        {
            return false;
        }

        claimed.Entry.Webhook = Webhook;
        claimed.Entry.AttemptNumber = (ushort)number;
        queue.Publish(claimed);
        return true;
    }
}
