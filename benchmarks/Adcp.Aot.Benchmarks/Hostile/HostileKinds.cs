using System.Globalization;
using System.Text;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>The endpoints that a seller cannot choose. 53 producers in all.</summary>
internal static class HostileKinds
{
    private const string NoBody = "Content-Length: 0\r\n\r\n";

    private static readonly TimeSpan DripEvery = TimeSpan.FromMilliseconds(50);
    private static readonly byte[] Ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
    private static readonly byte[] Block = [.. Enumerable.Repeat((byte)'x', 64 << 10)];
    private static readonly byte[] ManyHeaders = Encoding.ASCII.GetBytes(
        "HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(0, 2_000).Select(static i => $"X-Header-{i}: {i}\r\n")) + NoBody);

    private static readonly string[] BadStatusLines =
        ["HTTP/1.1 abc\r\n", "HTTP/9.9 200 OK\r\n", "HTTP/1.1 99999 Odd\r\n", "200 OK\r\n", "\r\n\r\n"];

    internal static readonly HostileKind[] All =
    [
        new("ok", static c => c.WriteAsync(Ok)) { Producers = 6, IsHealthy = true },
        new("rotating", static c => c.WriteAsync(Ok)) { Producers = 8, Urls = 50_000, IsHealthy = true },
        new("created", static c => c.WriteAsync("HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{\"done\":true}")) { Producers = 3,
            IsHealthy = true },
        new("chunked", static c => c.WriteAsync(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\nX-End: 1\r\n\r\n"))
        { Producers = 3, IsHealthy = true },
        new("informational", InformationalAsync) { Producers = 2, IsHealthy = true },
        new("slow", SlowAsync) { IsHealthy = true },
        new("conflict", static c => c.WriteAsync("HTTP/1.1 409 Conflict\r\n" + NoBody)) { Producers = 2 },
        new("gone", static c => c.WriteAsync("HTTP/1.1 410 Gone\r\n" + NoBody)),
        new("unauthorized", static c => c.WriteAsync(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Signature error=\"webhook_signature_invalid\"\r\n" + NoBody)),
        new("moved", static c => c.WriteAsync("HTTP/1.1 302 Found\r\nLocation: /ok/elsewhere\r\n" + NoBody)),
        new("unavailable", static c => c.WriteAsync("HTTP/1.1 503 Service Unavailable\r\n" + NoBody)),
        new("unavailable-until", UnavailableUntilAsync),
        new("throttled", static c => c.WriteAsync("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n" + NoBody)),
        new("hang", static c => c.HangAsync()),
        new("drip-headers", static c => DripAsync(c, "HTTP/1.1 200 OK\r\nX-Drip: ")),
        new("drip-body", static c => DripAsync(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")),
        new("reset-early", static c => c.ResetAsync(before: "")),
        new("reset-half", static c => c.ResetAsync(before: "HTTP/1.1 200 OK\r\nContent-Le")),
        new("close-early", static _ => Task.FromResult(false)),
        new("close-half", static c => c.CloseAfterAsync("HTTP/1.1 20")),
        new("close-idle", CloseIdleAsync) { Producers = 3 },
        new("short-body", static c => c.CloseAfterAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")),
        new("bad-chunk", static c => c.CloseAfterAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello")),
        new("huge", HugeAsync),
        new("endless", EndlessAsync),
        new("many-headers", static c => c.WriteAsync(ManyHeaders)),
        new("bad-status-line", static c => c.CloseAfterAsync(BadStatusLines[Random.Shared.Next(BadStatusLines.Length)] + NoBody)),
        new("garbage", GarbageAsync),
        new("large-post", static c => c.WriteAsync(Ok)) { IsLarge = true },
        new("large-post-413", static c =>
            c.CloseAfterAsync("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n" + NoBody)) { IsLarge = true, ReadsBody = false },
        new("tls-garbage", GarbageAsync) { Site = HostileSite.TlsGarbage },
        new("untrusted-certificate", static c => c.WriteAsync(Ok)) { Site = HostileSite.UntrustedCertificate },
        new("refused-port", static _ => Task.FromResult(false)) { Site = HostileSite.Refused },
    ];

    private static readonly Dictionary<string, HostileKind> ByName = All.ToDictionary(static kind => kind.Name);

    internal static HostileKind? Find(string name) => ByName.GetValueOrDefault(name);

    private static async Task<bool> InformationalAsync(HostileConnection connection)
    {
        await connection.WriteAsync(
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n");
        return await connection.WriteAsync(Ok);
    }

    private static async Task<bool> SlowAsync(HostileConnection connection)
    {
        await Task.Delay(300);
        return await connection.WriteAsync(Ok);
    }

    private static Task<bool> UnavailableUntilAsync(HostileConnection connection)
    {
        string soon = DateTimeOffset.UtcNow.AddSeconds(1).ToString("R", CultureInfo.InvariantCulture);
        return connection.WriteAsync($"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {soon}\r\n{NoBody}");
    }

    private static async Task<bool> DripAsync(HostileConnection connection, string head)
    {
        await connection.WriteAsync(head);
        for (int i = 0; i < 500; i++)
        {
            await connection.WriteAsync("x");
            await Task.Delay(DripEvery);
        }

        return false;
    }

    /// <summary>A keep-alive connection that is closed while the client may be about to use it again.</summary>
    private static async Task<bool> CloseIdleAsync(HostileConnection connection)
    {
        await connection.WriteAsync(Ok);
        await Task.Delay(Random.Shared.Next(20));
        return false;
    }

    private static async Task<bool> HugeAsync(HostileConnection connection)
    {
        const int Blocks = 160;
        await connection.WriteAsync(
            string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Length: {Blocks * Block.Length}\r\n\r\n"));
        for (int i = 0; i < Blocks; i++)
        {
            await connection.WriteAsync(Block);
        }

        return true;
    }

    private static async Task<bool> EndlessAsync(HostileConnection connection)
    {
        await connection.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 1_000; i++)
        {
            await connection.WriteAsync("10000\r\n");
            await connection.WriteAsync(Block);
            await connection.WriteAsync("\r\n");
        }

        return false;
    }

    private static async Task<bool> GarbageAsync(HostileConnection connection)
    {
        byte[] garbage = new byte[4_096];
        Random.Shared.NextBytes(garbage);
        await connection.WriteAsync(garbage);
        return false;
    }
}
