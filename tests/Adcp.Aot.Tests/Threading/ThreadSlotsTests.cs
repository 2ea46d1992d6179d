using Adcp.Aot.Threading;

namespace Adcp.Aot.Tests.Threading;

public sealed class ThreadSlotsTests
{
    [Fact]
    public void Threads_that_run_one_after_another_all_get_the_first_number()
    {
        ThreadSlots slots = new(63);

        int[] numbers = [.. Enumerable.Range(0, 200).Select(_ => OnThreadThatEnds(slots))];

        Assert.All(numbers, static number => Assert.Equal(1, number));
    }

    [Fact]
    public void Living_threads_get_different_numbers_and_the_number_behind_the_last_when_all_are_lent()
    {
        ThreadSlots slots = new(3);
        using LivingThreads living = new(slots, 5);

        Assert.Equal([1, 2, 3, 4, 4], living.Numbers);
    }

    [Fact]
    public void The_number_of_an_ended_thread_is_lent_to_the_next_one_while_others_live()
    {
        ThreadSlots slots = new(3);
        using LivingThreads first = new(slots, 1);
        using LivingThreads second = new(slots, 1);
        using LivingThreads third = new(slots, 1);

        second.Dispose();

        Assert.Equal(2, OnThreadThatEnds(slots));
        Assert.Equal(2, OnThreadThatEnds(slots));
    }

    [Fact]
    public void A_thread_keeps_its_number_for_its_life()
    {
        int first = 0;
        int second = 0;
        Thread thread = new(() =>
        {
            first = ThreadStripe.Index;
            second = ThreadStripe.Index;
        });

        thread.Start();
        thread.Join();

        Assert.InRange(first, 1, ThreadStripe.Beyond);
        Assert.Equal(first, second);
    }

    private static int OnThreadThatEnds(ThreadSlots slots)
    {
        using LivingThreads one = new(slots, 1);
        return one.Numbers[0];
    }

    /// <summary>Threads that ask for a number one after another and live until disposed.</summary>
    private sealed class LivingThreads : IDisposable
    {
        private readonly ManualResetEventSlim _end = new();
        private readonly List<Thread> _threads = [];

        internal LivingThreads(ThreadSlots slots, int count)
        {
            for (int i = 0; i < count; i++)
            {
                using ManualResetEventSlim asked = new();
                Thread thread = new(() =>
                {
                    Numbers.Add(slots.Lend(Thread.CurrentThread));
                    asked.Set();
                    _end.Wait();
                });
                thread.Start();
                asked.Wait();
                _threads.Add(thread);
            }
        }

        internal List<int> Numbers { get; } = [];

        public void Dispose()
        {
            _end.Set();
            _threads.ForEach(static thread => thread.Join());
        }
    }
}
