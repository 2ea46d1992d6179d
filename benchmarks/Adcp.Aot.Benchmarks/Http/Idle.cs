using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Auditing;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Benchmarks.Http;

/// <summary>
/// Webhooks to a healthy receiver that closes a connection after a short silence and does not announce it, sent about
/// as often as it closes: the two meet again and again. The exit code is 1 if a delivery fails or an attempt counts
/// against the endpoint.
/// </summary>
internal static class Idle
{
    internal static Command Create()
    {
        Option<double> timeout = Options.Number(
            "--timeout", "The receiver's idle timeout in milliseconds.", byDefault: 50.0, low: 1, high: 60_000);
        Option<double> webhooks = Options.Number("--webhooks", "How many are sent.", byDefault: 400.0, low: 1, high: 1_000_000);
        Option<bool> reset = new("--reset") { Description = "The receiver resets connections instead of closing them." };
        Command command = new("idle", "Webhooks at the pace of a receiver's unannounced idle timeout.") { timeout, webhooks, reset };
        command.SetAction(arguments => RunAsync(
            TimeSpan.FromMilliseconds(arguments.GetValue(timeout)), (int)arguments.GetValue(webhooks), arguments.GetValue(reset)));
        return command;
    }

    private static async Task<int> RunAsync(TimeSpan timeout, int webhooks, bool reset)
    {
        using CancellationTokenSource ended = new();
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Receiver receiver = new(listener, timeout, reset);
        Task receiving = receiver.RunAsync(ended.Token);
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
        using WebhookSender sender = new(
            new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        InMemoryDeliveryLogSink sink = new(capacity: 3 * webhooks);
        await using InMemoryWebhookDeliverySupervisor supervisor = new(
            sender, new WebhookSupervisorOptions { Sink = sink, SinkMode = SinkMode.Inline });
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        WebhookDestination destination = new($"http://127.0.0.1:{port}/adcp/webhooks", Webhooks.OperationId);
        int failed = 0;
        int replaced = 0;
        for (int i = 0; i < webhooks; i++)
        {
            DeliveryOutcome outcome = await supervisor.SendMcpAsync(destination, Webhook());
            failed += outcome.IsDelivered ? 0 : 1;
            replaced += outcome.LastResult?.ConnectionReplaced == true ? 1 : 0;
            await Task.Delay(timeout * (0.9 + (0.2 * Random.Shared.NextDouble())));
        }

        await ended.CancelAsync();
        await receiving;
        string[] faults =
        [
            .. sink.Snapshot()
                .Where(static record => record.Outcome == AttemptOutcome.Failure)
                .Select(static record => record.ErrorMessage ?? ""),
        ];
        int charged = faults.Length;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{webhooks} webhooks, {receiver.Connections} connections, {replaced} replaced: {failed} deliveries failed, "
            + $"{charged} attempts counted against the endpoint"));
        foreach (string fault in faults)
        {
            Console.WriteLine(fault);
        }

        return failed + charged == 0 ? 0 : 1;
    }

    private static McpWebhook Webhook() => new()
    {
        TaskId = Webhooks.TaskId,
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        Protocol = AdcpProtocol.MediaBuy,
        Result = Webhooks.Result,
    };

    private sealed class Receiver(TcpListener listener, TimeSpan timeout, bool reset)
    {
        private static readonly TimeSpan FirstRequest = TimeSpan.FromSeconds(10);
        private static readonly byte[] Answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray();

        internal int Connections { get; private set; }

        internal async Task RunAsync(CancellationToken ended)
        {
            List<Task> serving = [];
            try
            {
                while (true)
                {
                    Socket socket = await listener.AcceptSocketAsync(ended);
                    Connections++;
                    serving.Add(ServeAsync(socket, ended));
                }
            }
            catch (OperationCanceledException)
            {
            }

            await Task.WhenAll(serving);
        }

        /// <summary>
        /// Answers each request, which is one that ends with the end of its JSON, until none begins within the
        /// timeout. The first may take its time: a machine under load must not make new connections look idle.
        /// </summary>
        private async Task ServeAsync(Socket socket, CancellationToken ended)
        {
            bool answered = false;
            byte[] buffer = new byte[1 << 16];
            int length = 0;
            try
            {
                while (true)
                {
                    using CancellationTokenSource silence = CancellationTokenSource.CreateLinkedTokenSource(ended);
                    silence.CancelAfter(answered ? timeout : FirstRequest);
                    int read = await socket.ReceiveAsync(buffer.AsMemory(length), silence.Token);
                    length += read;
                    if (read == 0)
                    {
                        break;
                    }

                    if (buffer.AsSpan(0, length).EndsWith("}"u8))
                    {
                        await socket.SendAsync(Answer, ended);
                        length = 0;
                        answered = true;
                    }
                }
            }
            catch (Exception fault) when (fault is OperationCanceledException or SocketException)
            {
                if (reset)
                {
                    socket.LingerState = new LingerOption(true, 0);
                }
            }

            socket.Dispose();
        }
    }
}
