using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>Bodies that callers never finish.</summary>
public sealed class BodyBudgetTests
{
    private static readonly string Who =
        ServedSeller.Rpc("SendMessage", """{"message":{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{}}}]}}""");

    [Theory]
    [InlineData("a2a")]
    [InlineData("mcp")]
    public async Task Bodies_of_a_tenant_are_bounded_in_bytes_and_another_tenant_has_its_own(string path)
    {
        const int Senders = 40;
        AdcpEndpointOptions byBearer = new() { TenantOf = static http => http.Request.Headers.Authorization.ToString() };
        await using ServedSeller seller = await ServedSeller.StartAsync(byBearer);
        Sender[] attackers = [.. Enumerable.Range(0, Senders).Select(_ => new Sender(seller.Url))];
        try
        {
            // Each sends most of a mebibyte. A refused one is answered, the others wait for the rest.
            await Task.WhenAll(attackers.Select(attacker => attacker.SendAsync(path, "attacker")));
            List<Task<string>> answers = [.. attackers.Select(static attacker => attacker.AnswerAsync())];
            for (int refused = 0; refused < Senders - 17; refused++)
            {
                Task<string> answered = await Task.WhenAny(answers);
                answers.Remove(answered);
                string answer = await answered;
                Assert.True(answer.Length == 0 || answer.Contains(" 503 ", StringComparison.Ordinal), answer);
            }

            Assert.Contains(seller.Complaints, static line => line.Contains("16 MiB", StringComparison.Ordinal));

            (HttpStatusCode status, string body) =
                await seller.A2AAsync(Who, request => request.Headers.TryAddWithoutValidation("Authorization", "victim"));

            Assert.Equal(HttpStatusCode.OK, status);
            Assert.Contains("victim", body, StringComparison.Ordinal);
        }
        finally
        {
            Array.ForEach(attackers, static attacker => attacker.Dispose());
        }
    }

    [Fact]
    public async Task Room_comes_back_when_calls_end()
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();
        string large = Who.Replace("\"input\":{}", $"\"input\":{{\"a\":\"{new string('x', 900_000)}\"}}", StringComparison.Ordinal);

        for (int i = 0; i < 40; i++)
        {
            (HttpStatusCode status, string _) = await seller.A2AAsync(large);
            Assert.Equal(HttpStatusCode.OK, status);
        }
    }

    private sealed class Sender(Uri url) : IDisposable
    {
        private readonly TcpClient _client = new(url.Host, url.Port);

        public async Task SendAsync(string path, string tenant)
        {
            string head = $"POST /{path} HTTP/1.1\r\nHost: {url.Authority}\r\nAuthorization: {tenant}\r\nA2A-Version: 1.0\r\n"
                + "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 1048576\r\n\r\n";
            try
            {
                await _client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
                await _client.GetStream().WriteAsync(new byte[1_000_000]);
            }
            catch (IOException)
            {
                // Refused before the end; the answer says so.
            }
        }

        public async Task<string> AnswerAsync()
        {
            byte[] answer = new byte[1024];
            try
            {
                int read = await _client.GetStream().ReadAsync(answer);
                return Encoding.ASCII.GetString(answer, 0, read);
            }
            catch (IOException)
            {
                // Reset because the body was not read to its end, before the answer was.
                return "";
            }
        }

        public void Dispose() => _client.Dispose();
    }
}
