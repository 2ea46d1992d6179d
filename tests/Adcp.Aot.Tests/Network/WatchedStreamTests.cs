using System.Net.Sockets;
using System.Text;
using Adcp.Aot.Network;

namespace Adcp.Aot.Tests.Network;

public sealed class WatchedStreamTests : IDisposable
{
    private static readonly byte[] Request = "POST / HTTP/1.1\r\n\r\n"u8.ToArray();

    private readonly ScriptedStream _peer = new();
    private readonly HostFacts _facts = new();

    public void Dispose() => _peer.Dispose();

    [Fact]
    public async Task End_before_an_answer_tells_which_connection_it_was()
    {
        using WatchedStream connection = Open();
        await connection.WriteAsync(Request);
        _peer.End();

        ConnectionLostException lost = await Assert.ThrowsAsync<ConnectionLostException>(() => ReadAsync(connection));

        Assert.Same(connection, lost.Connection);
        Assert.True(connection.IsUnanswered);
    }

    [Fact]
    public async Task End_within_an_answer_is_the_end_of_the_answer()
    {
        using WatchedStream connection = Open();
        await connection.WriteAsync(Request);
        _peer.Say("HTTP/1.1 200 OK\r\n\r\nall");
        _peer.End();

        Assert.Equal("HTTP/1.1 200 OK\r\n\r\nall", await ReadAsync(connection));
        Assert.Equal("", await ReadAsync(connection));
        Assert.False(connection.IsUnanswered);
    }

    [Fact]
    public async Task Request_on_a_connection_that_ended_while_it_was_idle_is_not_written()
    {
        using WatchedStream connection = Open();
        await connection.WriteAsync(Request);
        _peer.Say("HTTP/1.1 200 OK\r\n\r\n");
        await ReadAsync(connection);
        _peer.End();
        Assert.Equal("", await ReadAsync(connection));
        int written = _peer.Written;

        await Assert.ThrowsAsync<ConnectionLostException>(async () => await connection.WriteAsync(Request));

        Assert.Equal(written, _peer.Written);
        Assert.Equal((2, true), (connection.Requests, connection.IsUnanswered));
    }

    [Fact]
    public async Task Answer_is_read_although_the_body_could_not_be_written()
    {
        using WatchedStream connection = Open();
        await connection.WriteAsync(Request);
        _peer.Say("HTTP/1.1 413 Content Too Large\r\n\r\n");
        _peer.WriteFault = new IOException("broken", new SocketException((int)SocketError.ConnectionReset));

        await connection.WriteAsync(new byte[1000]);

        Assert.Equal("HTTP/1.1 413 Content Too Large\r\n\r\n", await ReadAsync(connection));
    }

    [Fact]
    public async Task Write_that_fails_for_another_reason_than_the_peer_fails_at_once()
    {
        using WatchedStream connection = Open();
        _peer.WriteFault = new IOException("no", new SocketException((int)SocketError.NoBufferSpaceAvailable));

        await Assert.ThrowsAsync<ConnectionLostException>(async () => await connection.WriteAsync(Request));
    }

    [Theory]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n", true)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", true)]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", false)]
    [InlineData("HTTP/1.1 200 OK\r\n", false)]
    [InlineData("H", false)]
    public async Task Interim_answers_are_no_answer(string said, bool unanswered)
    {
        using WatchedStream connection = Open();
        await connection.WriteAsync(Request);
        _peer.Say(said);

        await ReadAsync(connection);

        Assert.Equal(unanswered, connection.IsUnanswered);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n", false)]
    public async Task Large_body_before_a_word_of_the_peer_is_remembered_of_its_host(string? said, bool ignores)
    {
        using WatchedStream connection = Open();
        await connection.WriteAsync(Request);
        if (said is not null)
        {
            _peer.Say(said);
            await ReadAsync(connection);
        }

        await connection.WriteAsync(new byte[WatchedStream.LargeBody]);

        Assert.Equal(ignores, _facts.IgnoresExpect);
    }

    [Fact]
    public async Task Every_failure_of_an_http2_connection_tells_which_it_was()
    {
        using WatchedStream connection = Open(isHttp2: true);
        _peer.WriteFault = new IOException("broken", new SocketException((int)SocketError.ConnectionReset));
        _peer.End();

        await Assert.ThrowsAsync<ConnectionLostException>(async () => await connection.WriteAsync(Request));
        await Assert.ThrowsAsync<ConnectionLostException>(() => ReadAsync(connection));
    }

    private static async Task<string> ReadAsync(WatchedStream connection)
    {
        byte[] buffer = new byte[4096];
        return Encoding.Latin1.GetString(buffer, 0, await connection.ReadAsync(buffer));
    }

    private WatchedStream Open(bool isHttp2 = false) => new(_peer, 1, "buyer.example", 443, isHttp2, _facts, static _ => { });

    /// <summary>A peer whose whole answer is there before it is read.</summary>
    private sealed class ScriptedStream : Stream
    {
        private readonly Queue<byte[]> _said = new();

        public Exception? WriteFault { get; set; }

        public int Written { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public void Say(string text) => _said.Enqueue(Encoding.Latin1.GetBytes(text));

        public void End() => _said.Enqueue([]);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            byte[] next = _said.Dequeue();
            next.CopyTo(buffer);
            return new(next.Length);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Written++;
            return WriteFault is null ? default : ValueTask.FromException(WriteFault);
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
