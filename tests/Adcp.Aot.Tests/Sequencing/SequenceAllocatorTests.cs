using System.Collections.Concurrent;
using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Tests.Sequencing;

public sealed class SequenceAllocatorTests
{
    [Fact]
    public void Numbers_are_contiguous_under_parallel_allocation()
    {
        SequenceAllocator allocator = new();
        ConcurrentBag<(string Key, long Number)> drawn = [];
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 5000; i++)
            {
                string key = "stream" + (i % 3);
                drawn.Add((key, allocator.Next(key)));
            }
        });
        foreach (IGrouping<string, (string Key, long Number)> stream in drawn.GroupBy(d => d.Key))
        {
            Assert.Equal(Enumerable.Range(1, stream.Count()).Select(n => (long)n), stream.Select(d => d.Number).Order());
        }
    }

    [Fact]
    public void A_stream_resumes_and_never_goes_back()
    {
        SequenceAllocator allocator = new(1);
        allocator.Resume("s", 41);
        Assert.Equal(42, allocator.Next("s"));
        allocator.Resume("s", 7);
        Assert.Equal(43, allocator.Next("s"));
        Assert.Throws<ArgumentOutOfRangeException>(() => allocator.Resume("s", -1));
        Assert.Throws<ArgumentException>(() => allocator.Next(""));
        Assert.Throws<ArgumentNullException>(() => allocator.Next(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequenceAllocator(0));
    }
}
