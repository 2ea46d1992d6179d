using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Auditing;

namespace Adcp.Aot.Tests.Auditing;

public sealed class JsonLinesDeliveryLogSinkTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("adcp-lines-");

    private string File => Path.Combine(_folder.FullName, "audit.jsonl");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_line_cut_short_at_any_byte_never_takes_the_next_record_with_it()
    {
        await WriteAsync(File, 1);
        byte[] whole = await System.IO.File.ReadAllBytesAsync(File);

        for (int length = 0; length <= whole.Length; length++)
        {
            await System.IO.File.WriteAllBytesAsync(File, whole[..length]);

            await WriteAsync(File, 2);

            string[] lines = await System.IO.File.ReadAllLinesAsync(File);
            Assert.Equal(2, Number(lines[^1]));
            Assert.Equal(length == 0 ? 1 : 2, lines.Length);
            Assert.Equal(Encoding.UTF8.GetString(whole.AsSpan(0, length)).TrimEnd('\n'), length == 0 ? "" : lines[0]);
        }
    }

    [Fact]
    public async Task A_file_that_gets_no_record_is_not_changed()
    {
        await System.IO.File.WriteAllTextAsync(File, "{\"torn");

        await new JsonLinesDeliveryLogSink(File).DisposeAsync();

        Assert.Equal("{\"torn", await System.IO.File.ReadAllTextAsync(File));
    }

    [Fact]
    public async Task A_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no Unix file modes.");
            return;
        }

        string old = Path.Combine(_folder.FullName, "old.jsonl");
        UnixFileMode shared = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        await System.IO.File.WriteAllTextAsync(old, "");
        System.IO.File.SetUnixFileMode(old, shared);

        await WriteAsync(File, 1);
        await WriteAsync(old, 1);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        Assert.Equal(shared, System.IO.File.GetUnixFileMode(old));
    }

    [Fact]
    public async Task A_file_that_is_truncated_to_rotate_it_starts_again_at_its_beginning()
    {
        await using JsonLinesDeliveryLogSink sink = new(File);
        await sink.RecordAsync(new[] { Records.Of(1) }, CancellationToken.None);

        await using (FileStream rotated = new(File, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            rotated.SetLength(0);
        }

        await sink.RecordAsync(new[] { Records.Of(2) }, CancellationToken.None);

        Assert.Equal(2, Number(Assert.Single(await System.IO.File.ReadAllLinesAsync(File))));
    }

    [Fact]
    public async Task Members_that_throw_half_way_cost_their_own_record()
    {
        JsonLinesDeliveryLogSink sink = new(File, static (json, attempt) =>
        {
            json.WriteString("idempotency_key"u8, attempt.IdempotencyKey);
            json.WriteStartObject("half"u8);
            json.Flush();
            json.WriteEndObject();
            if (attempt.IdempotencyKey == Records.Of(2).IdempotencyKey)
            {
                throw new InvalidOperationException();
            }
        });

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => sink.RecordAsync(new[] { Records.Of(1), Records.Of(2), Records.Of(3) }, CancellationToken.None).AsTask());
        await sink.DisposeAsync();

        Assert.Equal([1, 3], (await System.IO.File.ReadAllLinesAsync(File)).Select(Number));
    }

    [Fact]
    public async Task A_file_that_can_take_nothing_costs_records_and_no_memory()
    {
        Assert.SkipUnless(System.IO.File.Exists("/dev/full"), "There is no /dev/full.");
        await using JsonLinesDeliveryLogSink sink = new("/dev/full");
        DeliveryAttempt[] batch = [.. Enumerable.Range(0, 256).Select(static number => Records.Of(number))];
        await FailAsync(sink, batch, times: 10);

        // Other tests use memory at the same time, but a sink that kept the batches would grow in each round.
        List<long> grown = [];
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetTotalMemory(forceFullCollection: true);
            await FailAsync(sink, batch, times: 100);
            grown.Add(GC.GetTotalMemory(forceFullCollection: true) - before);
        }

        Assert.InRange(grown.Min(), long.MinValue, 1 << 20);
    }

    [Fact]
    public async Task A_pipe_that_cannot_be_flushed_holds_one_batch_and_goes_on_with_sound_lines()
    {
        FailingStream stream = new();
        PipeWriter pipe = PipeWriter.Create(stream);
        await using JsonLinesDeliveryLogSink sink = new(pipe);
        stream.Fails = true;
        for (int i = 1; i <= 1_000; i++)
        {
            await Assert.ThrowsAsync<IOException>(() => sink.RecordAsync(new[] { Records.Of(i) }, CancellationToken.None).AsTask());
        }

        long held = pipe.UnflushedBytes;
        stream.Fails = false;
        await sink.RecordAsync(new[] { Records.Of(1_001) }, CancellationToken.None);

        Assert.InRange(held, 1, 2_000);
        Assert.Equal([1, 1_001], Encoding.UTF8.GetString(stream.ToArray()).TrimEnd('\n').Split('\n').Select(Number));
    }

    [Fact]
    public async Task A_pipe_without_a_reader_is_a_failure()
    {
        Pipe pipe = new();
        await pipe.Reader.CompleteAsync();
        JsonLinesDeliveryLogSink sink = new(pipe.Writer);

        await Assert.ThrowsAsync<IOException>(() => sink.RecordAsync(new[] { Records.Of(1) }, CancellationToken.None).AsTask());
    }

    [Fact]
    public async Task A_dispose_ends_although_a_write_does_not()
    {
        JsonLinesDeliveryLogSink sink = new(new HungOutput()) { DisposeTimeout = TimeSpan.FromMilliseconds(1) };
        Task recording = sink.RecordAsync(new[] { Records.Of(1) }, CancellationToken.None).AsTask();

        await Assert.ThrowsAsync<TimeoutException>(() => sink.DisposeAsync().AsTask());

        Assert.False(recording.IsCompleted);
    }

    [Fact]
    public async Task A_disposed_sink_refuses_records_and_may_be_disposed_again()
    {
        JsonLinesDeliveryLogSink sink = new(File);
        await sink.DisposeAsync();
        await sink.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => sink.RecordAsync(new[] { Records.Of(1) }, CancellationToken.None).AsTask());
    }

    private static async Task WriteAsync(string path, int number)
    {
        await using JsonLinesDeliveryLogSink sink = new(path);
        await sink.RecordAsync(new[] { Records.Of(number) }, CancellationToken.None);
    }

    private static async Task FailAsync(JsonLinesDeliveryLogSink sink, DeliveryAttempt[] batch, int times)
    {
        for (int i = 0; i < times; i++)
        {
            await Assert.ThrowsAsync<IOException>(() => sink.RecordAsync(batch, CancellationToken.None).AsTask());
        }
    }

    private static int Number(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        return int.Parse(document.RootElement.GetProperty("idempotency_key").GetString()!.AsSpan(4), null);
    }

    private sealed class FailingStream : MemoryStream
    {
        internal bool Fails { get; set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            Fails ? ValueTask.FromException(new IOException("No space left.")) : base.WriteAsync(buffer, cancellationToken);
    }

    private sealed class HungOutput : LineOutput
    {
        internal override ValueTask WriteAsync(ReadOnlyMemory<byte> lines) => new(new TaskCompletionSource().Task);

        public override ValueTask DisposeAsync() => default;
    }
}
