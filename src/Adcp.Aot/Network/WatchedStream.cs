using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Adcp.Aot.Network;

/// <summary>
/// An open connection, above TLS and below HTTP, that knows three facts which <see cref="SocketsHttpHandler"/> does not
/// report: the number of requests it carried, whether a byte of the answer to the last one was read, and the time when
/// the peer last sent something. A failure becomes a <see cref="ConnectionLostException"/>, so that the sender can
/// distinguish an old connection from an endpoint that is down.
/// </summary>
/// <remarks>
/// HTTP/1.1: a write that begins with <c>POST </c> or <c>GET </c> begins a request, because the handler writes a
/// request's head at once. Three more rules follow from it:
/// <list type="bullet">
/// <item>If the peer breaks off a write, the write ends without an exception, because the answer may be there already.
/// The read that follows returns the answer, or throws.</item>
/// <item>If the answer begins while a large body is still being written, the rest of the body has
/// <see cref="RestOfBody"/>. After that it is left unsent.</item>
/// <item>If a large body's first byte is written before the peer sent anything, the peer ignored <c>Expect:
/// 100-continue</c>, and <see cref="HostFacts"/> remembers it.</item>
/// </list>
/// One read and one write may be under way at a time, as in every stream of a handler. Reads and writes meet in
/// <c>_phase</c> and <c>_ended</c>: each side writes its own and then reads the other's behind a full fence, so that
/// one of them sees a peer that closes the connection when a request begins.
/// </remarks>
internal sealed class WatchedStream(
    Stream inner, long number, string host, int port, bool isHttp2, HostFacts facts, Action<WatchedStream> closed) : Stream
{
    /// <summary>
    /// From this size on, a body is announced by <c>Expect: 100-continue</c>. A smaller one fits into the socket
    /// buffers of both sides, so it is written in any case and an early answer is read. The round trip of the
    /// announcement costs about the time in which 256 KiB are sent (40 ms at 50 Mbit/s).
    /// </summary>
    internal const int LargeBody = 256 << 10;

    /// <summary>The time for which the rest of a body is still written after its answer began.</summary>
    internal static readonly TimeSpan RestOfBody = TimeSpan.FromSeconds(1);

    private readonly Lock _writing = new();
    private CancellationTokenSource? _largeWrite;
    private long _lastHeard = Stopwatch.GetTimestamp();
    private int _requests;
    private int _phase;
    private int _ended;
    private int _closed;
    private bool _heard;

    private enum Phase
    {
        Idle,
        Asked,
        Answering,
    }

    /// <summary>Its number among the connections of its sender, from 1.</summary>
    internal long Number => number;

    internal string Host => host;

    internal int Port => port;

    internal bool IsHttp2 => isHttp2;

    /// <summary>The number of HTTP/1.1 requests that began on it.</summary>
    internal int Requests => Volatile.Read(ref _requests);

    /// <summary>
    /// <c>false</c> if a byte of the answer to the last HTTP/1.1 request was read. Interim answers do not count.
    /// </summary>
    internal bool IsUnanswered => isHttp2 || Volatile.Read(ref _phase) != (int)Phase.Answering;

    /// <summary>The <see cref="Stopwatch"/> timestamp of the last byte read.</summary>
    internal long LastHeard => Volatile.Read(ref _lastHeard);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            throw new ConnectionLostException(this, fault);
        }

        if (read > 0)
        {
            Hear(buffer.Span[..read]);
        }
        else if (!buffer.IsEmpty)
        {
            End();
        }

        return read;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (isHttp2)
        {
            return WriteSmallAsync(buffer, cancellationToken);
        }

        if (buffer.Span.StartsWith("POST "u8) || buffer.Span.StartsWith("GET "u8))
        {
            _requests++;
            _heard = false;
            Interlocked.Exchange(ref _phase, (int)Phase.Asked);
            if (Volatile.Read(ref _ended) != 0)
            {
                return ValueTask.FromException(new ConnectionLostException(this, null));
            }
        }
        else if (buffer.Length >= LargeBody && !Volatile.Read(ref _heard))
        {
            facts.IgnoresExpect = true;
        }

        return buffer.Length >= LargeBody ? WriteLargeAsync(buffer, cancellationToken) : WriteSmallAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _closed, 1) == 0)
        {
            inner.Dispose();
            closed(this);
        }

        base.Dispose(disposing);
    }

    /// <summary>Returns whether bytes hold more than interim answers (1xx).</summary>
    private static bool IsFinal(ReadOnlySpan<byte> bytes)
    {
        while (bytes.StartsWith("HTTP/1.1 1"u8))
        {
            int end = bytes.IndexOf("\r\n\r\n"u8);
            bytes = end < 0 ? default : bytes[(end + 4)..];
        }

        return !bytes.IsEmpty;
    }

    private static bool IsBrokenOff(Exception fault)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException socket
                && socket.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The peer sends no more.</summary>
    private void End()
    {
        Interlocked.Exchange(ref _ended, 1);
        if (isHttp2 || Volatile.Read(ref _phase) == (int)Phase.Asked)
        {
            throw new ConnectionLostException(this, null);
        }
    }

    private void Hear(ReadOnlySpan<byte> bytes)
    {
        if (isHttp2)
        {
            Volatile.Write(ref _lastHeard, Stopwatch.GetTimestamp());
            return;
        }

        Volatile.Write(ref _heard, true);
        if (Volatile.Read(ref _phase) == (int)Phase.Asked && IsFinal(bytes))
        {
            Interlocked.Exchange(ref _phase, (int)Phase.Answering);
            lock (_writing)
            {
                _largeWrite?.CancelAfter(RestOfBody);
            }
        }
    }

    private ValueTask WriteSmallAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        ValueTask writing;
        try
        {
            writing = inner.WriteAsync(buffer, cancellationToken);
        }
        catch (Exception fault)
        {
            writing = ValueTask.FromException(fault);
        }

        if (!writing.IsCompletedSuccessfully)
        {
            return FinishAsync(writing);
        }

        // Passes the operation on to the socket.
        writing.GetAwaiter().GetResult();
        return default;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishAsync(ValueTask writing)
    {
        try
        {
            await writing.ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            BreakOff(fault);
        }
    }

    private async ValueTask WriteLargeAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        using CancellationTokenSource rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (_writing)
        {
            _largeWrite = rest;
        }

        try
        {
            // Behind the lock: either this sees that the answer began, or the reader sees the write.
            if (!IsUnanswered)
            {
                rest.CancelAfter(RestOfBody);
            }

            await inner.WriteAsync(buffer, rest.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Interlocked.Exchange(ref _ended, 1);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            BreakOff(fault);
        }
        finally
        {
            lock (_writing)
            {
                _largeWrite = null;
            }
        }
    }

    /// <summary>Ends the connection for further requests. Throws unless the answer may still be read.</summary>
    private void BreakOff(Exception fault)
    {
        Interlocked.Exchange(ref _ended, 1);
        if (isHttp2 || !IsBrokenOff(fault))
        {
            throw new ConnectionLostException(this, fault);
        }
    }
}
