using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.ConcurrencyTests;

public sealed class AttemptRingLaws
{
    private static readonly PreparedWebhook Webhook =
        new(new WebhookDestination("https://buyer.example/hook"), "{}"u8.ToArray(), "concurrency-test-key-0001");

    private static readonly Endpoint Buyer = new("buyer", new EndpointTable(CircuitBreakerPolicy.Default, 1, TimeSpan.FromMinutes(1), new HandTurnedTime()));

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Every_record_is_taken_once_or_counted_as_dropped(int capacity) => Systematic.Explore(async () =>
    {
        AttemptRing ring = new(capacity, new DefaultObjectPool<DeliveryAttempt>(new Fresh()));
        int[] seen = new int[5];
        int added = 0;
        void Add(int from)
        {
            for (int number = from; number < from + 2; number++)
            {
                if (ring.TryAdd(new AttemptFacts { Webhook = Webhook, Endpoint = Buyer, AttemptNumber = number }, out _))
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

        await Task.WhenAll(Task.Run(() => Add(1)), Task.Run(() => Add(3)), Task.Run(Take));
        Take();
        Assert.All(seen, static times => Assert.InRange(times, 0, 1));
        Assert.Equal(added, seen.Sum());
        Assert.Equal(4 - added, ring.Dropped);
        Assert.False(ring.HasItems);
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

    private sealed class Fresh : PooledObjectPolicy<DeliveryAttempt>
    {
        public override DeliveryAttempt Create() => new();

        public override bool Return(DeliveryAttempt obj) => true;
    }
}
