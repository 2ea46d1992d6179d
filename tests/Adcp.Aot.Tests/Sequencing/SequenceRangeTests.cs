using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Tests.Sequencing;

public sealed class SequenceRangeTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    public void Resume_refuses_a_number_that_no_number_can_follow(long last)
    {
        SequenceAllocator allocator = new();

        ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(() => allocator.Resume("s", last));

        Assert.Equal("last", refusal.ParamName);
        Assert.Equal(0, allocator.Count);
        Assert.Equal(1, allocator.Next("s"));
    }

    [Fact]
    public void The_last_number_is_the_largest_and_after_it_every_draw_says_so()
    {
        SequenceAllocator allocator = new();
        allocator.Resume("s", long.MaxValue - 2);

        Assert.Equal(long.MaxValue - 1, allocator.Next("s"));
        Assert.Equal(long.MaxValue, allocator.Next("s"));
        for (int i = 0; i < 3; i++)
        {
            InvalidOperationException end = Assert.Throws<InvalidOperationException>(() => allocator.Next("s"));
            Assert.Contains("'s'", end.Message, StringComparison.Ordinal);
            Assert.Equal(long.MaxValue, allocator.GetStream("s").Last);
        }
    }

    [Fact]
    public void A_key_of_4096_characters_is_the_longest()
    {
        SequenceAllocator allocator = new();

        ArgumentException refusal = Assert.Throws<ArgumentException>(() => allocator.Next(new string('k', 4097)));

        Assert.Equal("key", refusal.ParamName);
        Assert.Equal(0, allocator.Count);
        Assert.Equal(1, allocator.Next(new string('k', 4096)));
    }

    [Fact]
    public void A_stream_that_has_ended_is_not_resumed_at_an_old_number()
    {
        SequenceAllocator allocator = new();
        allocator.Resume("s", long.MaxValue - 1);
        allocator.Next("s");
        Assert.Throws<InvalidOperationException>(() => allocator.Next("s"));

        allocator.Resume("s", 5);

        Assert.Throws<InvalidOperationException>(() => allocator.Next("s"));
    }

    [Fact]
    public async Task Beside_each_other_draws_at_the_end_give_each_number_once_and_no_other()
    {
        SequenceAllocator allocator = new();
        allocator.Resume("s", long.MaxValue - 100);

        long?[] drawn = await Task.WhenAll(Enumerable.Range(0, 400).Select(_ => Task.Run(() =>
        {
            try
            {
                return allocator.Next("s");
            }
            catch (InvalidOperationException)
            {
                return (long?)null;
            }
        })));

        Assert.Equal(Enumerable.Range(0, 100).Select(static i => long.MaxValue - i), drawn.OfType<long>().OrderDescending());
    }
}
