using Adcp.Aot.Sequencing;

namespace Adcp.Aot.ConcurrencyTests;

public sealed class SequenceAllocatorLaws
{
    [Fact]
    public void A_stream_drawn_from_by_many_has_no_gap_and_no_repeat() => Systematic.Explore(async () =>
    {
        SequenceAllocator allocator = new();
        long[] Draw() => [allocator.Next("stream"), allocator.Next("stream")];
        long[][] drawn = await Task.WhenAll(Task.Run(Draw), Task.Run(Draw), Task.Run(Draw));
        Assert.Equal([1, 2, 3, 4, 5, 6], drawn.SelectMany(static numbers => numbers).Order());
        Assert.All(drawn, static numbers => Assert.True(numbers[0] < numbers[1], "One caller's numbers rise."));
        Assert.Equal(1, allocator.Count);
    });

    [Fact]
    public void Resuming_beside_draws_never_repeats_a_number() => Systematic.Explore(async () =>
    {
        SequenceAllocator allocator = new();
        long Draw() => allocator.Next("stream");
        Task<long> first = Task.Run(Draw);
        Task<long> second = Task.Run(Draw);
        await Task.WhenAll(first, second, Task.Run(() => allocator.Resume("stream", 2)), Task.Run(() => allocator.Resume("stream", 1)));
        Assert.NotEqual(await first, await second);
        Assert.True(allocator.Next("stream") > Math.Max(2, Math.Max(await first, await second)));
    });

    [Fact]
    public void The_bound_is_reached_and_never_exceeded() => Systematic.Explore(async () =>
    {
        SequenceAllocator allocator = new(maxStreams: 2);
        bool[] drawn = await Task.WhenAll(new[] { "a", "b", "c", "d" }.Select(key => Task.Run(() => TryDraw(allocator, key))));
        Assert.Equal(2, drawn.Count(static one => one));
        Assert.Equal(2, allocator.Count);
    });

    [Fact]
    public void Two_first_draws_of_the_last_stream_both_succeed() => Systematic.Explore(async () =>
    {
        SequenceAllocator allocator = new(maxStreams: 1);
        bool[] drawn = await Task.WhenAll(Task.Run(() => TryDraw(allocator, "a")), Task.Run(() => TryDraw(allocator, "a")));
        Assert.DoesNotContain(false, drawn);
        Assert.Equal(1, allocator.Count);
    });

    private static bool TryDraw(SequenceAllocator allocator, string key)
    {
        try
        {
            return allocator.Next(key) > 0;
        }
        catch (SequenceCapacityException)
        {
            return false;
        }
    }
}
