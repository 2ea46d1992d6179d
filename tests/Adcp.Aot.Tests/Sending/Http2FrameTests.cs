using System.Buffers.Binary;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Sending;

/// <summary>The ways in which an HTTP/2 server ends a connection or a stream, frame by frame.</summary>
public sealed class Http2FrameTests : IDisposable
{
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Settings = 4;
    private const byte GoAway = 7;
    private const int RefusedStream = 7;

    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");

    public enum Ending
    {
        /// <summary>Reports that it has seen the second stream, and closes.</summary>
        GoAwayAfter,

        /// <summary>Reports that it has not seen the second stream, and closes.</summary>
        GoAwayBefore,

        /// <summary>Refuses the second stream and stays.</summary>
        Refused,

        /// <summary>Closes without a word.</summary>
        Close,

        Reset,
    }

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData(Ending.GoAwayAfter, 2)]
    [InlineData(Ending.GoAwayBefore, 2)]
    [InlineData(Ending.Refused, 1)]
    [InlineData(Ending.Close, 2)]
    [InlineData(Ending.Reset, 2)]
    public async Task Request_that_a_kept_connection_gives_up_is_delivered_within_the_attempt(Ending ending, int connections)
    {
        await using RawReceiver receiver = new(connection => ServeAsync(connection, ending));
        using WebhookSender sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            Http2 = true,
        });
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());

        WebhookSendResult first = await sender.SendAsync(webhook);
        WebhookSendResult second = await sender.SendAsync(webhook);

        Assert.Equal((200, 200), (first.StatusCode, second.StatusCode));
        Assert.Equal(connections, receiver.Accepted);
    }

    [Fact]
    public async Task Replacing_connection_is_closed_after_its_answer()
    {
        TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RawReceiver receiver = new(async connection =>
        {
            try
            {
                await ServeAsync(connection, Ending.Reset);
            }
            catch (IOException) when (connection.Number == 2)
            {
                closed.SetResult();
            }
        });
        using WebhookSender sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            Http2 = true,
        });
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());
        await sender.SendAsync(webhook);

        WebhookSendResult second = await sender.SendAsync(webhook);

        Assert.Equal((200, true), (second.StatusCode, second.ConnectionReplaced));
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static async Task ServeAsync(RawReceiver.Connection connection, Ending ending)
    {
        await connection.ReadBytesAsync(24);
        await SendAsync(connection, Settings, 0, 0, []);
        int requests = 0;
        while (true)
        {
            byte[] head = await connection.ReadBytesAsync(9);
            await connection.ReadBytesAsync((head[0] << 16) | (head[1] << 8) | head[2]);
            int stream = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5));
            bool endsRequest = head[3] <= 1 && (head[4] & 1) != 0;
            if (head[3] == Settings && (head[4] & 1) == 0)
            {
                await SendAsync(connection, Settings, 1, 0, []);
            }
            else if (endsRequest && (++requests != 2 || connection.Number > 1))
            {
                // END_STREAM and END_HEADERS; 0x88 is ":status: 200".
                await SendAsync(connection, Headers, 5, stream, [0x88]);
            }
            else if (endsRequest)
            {
                switch (ending)
                {
                    case Ending.GoAwayAfter:
                        await SendAsync(connection, GoAway, 0, 0, [0, 0, 0, (byte)stream, 0, 0, 0, 0]);
                        return;
                    case Ending.GoAwayBefore:
                        await SendAsync(connection, GoAway, 0, 0, [0, 0, 0, (byte)(stream - 2), 0, 0, 0, 0]);
                        return;
                    case Ending.Refused:
                        await SendAsync(connection, ResetStream, 0, stream, [0, 0, 0, RefusedStream]);
                        break;
                    case Ending.Reset:
                        connection.Reset();
                        return;
                    default:
                        return;
                }
            }
        }
    }

    private static async Task SendAsync(RawReceiver.Connection connection, byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = new byte[9 + payload.Length];
        frame[2] = (byte)payload.Length;
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await connection.SendAsync(frame);
    }
}
