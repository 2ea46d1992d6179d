using Adcp.Aot.Auditing;
using Adcp.Aot.Sending;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.ConcurrencyTests;

public sealed class AttemptRingLaws
{
    private static readonly PreparedWebhook Webhook =
        new(new WebhookDestination("https://buyer.example/hook"), "{}"u8.ToArray(), "concurrency-test-key-0001");

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Every_record_is_taken_once_or_counted_as_dropped(int capacity) => Systematic.Explore(async () =>
    {
        AttemptRing ring = new(capacity, new DefaultObjectPool<DeliveryAttempt>(new Fresh()));
        int[] seen = new int[5];
        int added = 0;
        void Write(int from)
        {
            for (int number = from; number < from + 2; number++)
            {
                if (Add(ring, number))
                {
                    Interlocked.Increment(ref added);
                }
            }
        }

        void Take()
        {
            DeliveryAttempt[] batch = new DeliveryAttempt[2];
            while (ring.Take(batch) is { Count: > 0 } taken)
            {
                foreach (DeliveryAttempt record in batch.AsSpan(0, taken.Count))
                {
                    Assert.Same(Webhook, record.Webhook);
                    seen[record.AttemptNumber]++;
                }

                ring.Release(taken, keepRecords: true);
            }
        }

        await Task.WhenAll(Task.Run(() => Write(1)), Task.Run(() => Write(3)), Task.Run(Take));
        Take();
        Assert.All(seen, static times => Assert.InRange(times, 0, 1));
        Assert.Equal(added, seen.Sum());
        Assert.Equal(4 - added, ring.Dropped);
        Assert.False(ring.HasItems);
    });

    [Fact]
    public void What_is_claimed_before_the_ring_closes_is_taken_and_what_comes_later_is_counted() => Systematic.Explore(async () =>
    {
        AttemptRing ring = new(4, new DefaultObjectPool<DeliveryAttempt>(new Fresh()));
        int taken = 0;
        int added = 0;
        void Write(int number)
        {
            if (Add(ring, number))
            {
                Interlocked.Increment(ref added);
            }
        }

        async Task Read()
        {
            DeliveryAttempt[] batch = new DeliveryAttempt[2];
            ring.Close();
            do
            {
                while (ring.Take(batch) is { Count: > 0 } some)
                {
                    taken += some.Count;
                    ring.Release(some, keepRecords: true);
                }

                await Task.Yield();
            }
            while (!ring.IsDrained);
        }

        await Task.WhenAll(Task.Run(() => Write(1)), Task.Run(() => Write(2)), Task.Run(Read));
        Assert.Equal(added, taken);
        Assert.Equal(2 - added, ring.Dropped);
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
        Assert.True(!asleep || signal.IsAwake, "The reader sleeps and nobody will wake it.");
    });

    private static bool Add(AttemptRing ring, int number)
    {
        if (ring.TryClaim(out AttemptRing.Claim claim) is not { } record)
        {
            return false;
        }

        record.FrozenWebhook = Webhook;
        record.AttemptNumber = number;
        ring.Publish(claim);
        return true;
    }

    private sealed class Fresh : PooledObjectPolicy<DeliveryAttempt>
    {
        public override DeliveryAttempt Create() => new(new WallClock(new HandTurnedTime()));

        public override bool Return(DeliveryAttempt obj) => true;
    }
}
