using Adcp.Aot.Benchmarks.Engine;
using Adcp.Aot.Sequencing;
using BenchmarkDotNet.Attributes;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>The next number of a stream, by its handle and by its key among 10,000.</summary>
[MemoryDiagnoser]
public class SequencingBenchmarks
{
    private readonly SequenceAllocator _allocator = new();
    private readonly string[] _keys = [.. Enumerable.Range(0, AdcpSide.Endpoints).Select(AdcpSide.Url)];
    private SequenceStream _stream = null!;
    private long _cell;
    private int _next;

    [GlobalSetup]
    public void Setup()
    {
        _stream = _allocator.GetStream("media_buy_1:scheduled");
        Array.ForEach(_keys, key => _allocator.GetStream(key));
    }

    [Benchmark]
    public long By_handle() => _stream.Next();

    [Benchmark(Baseline = true)]
    public long One_interlocked_increment() => Interlocked.Increment(ref _cell);

    [Benchmark]
    public long By_key_of_10000() => _allocator.Next(_keys[_next = (_next + 4_909) % _keys.Length]);
}
