using System.Data.Common;
using System.Net.Sockets;
using Adcp.Aot.Storage;
using Adcp.Aot.Verification;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.AspNetCore.Tests.Receiving;

/// <summary>Two receivers behind one public origin, each with its own connections to the database that they share.</summary>
public sealed class SharedReceiversTests : IAsyncLifetime
{
    private const string PublicOrigin = "https://buyer.example";

    private readonly Folder _folder = new();
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-shared");
    private readonly List<SqliteDataSource> _sources = [];
    private readonly List<Receiver> _receivers = [];
    private TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _handled;

    [Fact]
    public async Task Webhook_that_both_receive_at_once_reaches_the_handler_once()
    {
        for (int round = 0; round < 5; round++)
        {
            byte[] body = Body($"whk_0123456789abcdef{round}");
            _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

            Task<int>[] answers = [.. _receivers.Select(receiver => PostAsync(receiver, Head(receiver, body), body))];
            Task<int> first = await Task.WhenAny(answers);

            // The owner's handler waits for the gate, so that the first answer is the other receiver's.
            Assert.Equal(503, await first);
            _gate.SetResult();
            Assert.Equal([200, 503], (await Task.WhenAll(answers)).Order());
            foreach (Receiver receiver in _receivers)
            {
                Assert.Equal(200, await PostAsync(receiver, Head(receiver, body), body));
            }

            Assert.Equal(round + 1, _handled);
        }
    }

    [Fact]
    public async Task Signature_that_one_accepted_is_refused_by_the_other()
    {
        byte[] body = Body("whk_0123456789abcdef");
        byte[] head = Head(_receivers[0], body);
        Assert.Equal(200, await PostAsync(_receivers[0], head, body));

        Assert.Equal(401, await PostAsync(_receivers[1], head, body));

        Assert.Contains(_receivers[1].Log.Lines, line => line.Contains("webhook_signature_replayed", StringComparison.Ordinal));
        Assert.Equal(1, _handled);
    }

    [Fact]
    public async Task Of_one_signature_sent_to_both_at_once_one_is_accepted()
    {
        for (int round = 0; round < 10; round++)
        {
            byte[] body = Body($"whk_0123456789abcdef{round}");
            byte[] head = Head(_receivers[0], body);

            int[] answers = await Task.WhenAll(_receivers.Select(receiver => PostAsync(receiver, head, body)));

            Assert.Equal([200, 401], answers.Order());
            Assert.Equal(round + 1, _handled);
        }
    }

    [Theory]
    [InlineData("adcp_webhook_nonces")]
    [InlineData("adcp_webhook_claims")]
    public async Task Webhook_is_answered_503_and_is_not_processed_while_the_database_cannot_serve(string table)
    {
        await using (DbCommand drop = _sources[0].CreateCommand($"DROP TABLE {table}"))
        {
            await drop.ExecuteNonQueryAsync();
        }

        byte[] body = Body("whk_0123456789abcdef");

        Assert.Equal(503, await PostAsync(_receivers[0], Head(_receivers[0], body), body));
        Assert.Equal(503, await PostAsync(_receivers[1], Head(_receivers[1], body), body));

        Assert.Equal(0, _handled);
    }

    public async ValueTask InitializeAsync()
    {
        string jwks = SigningKey.ExportJwks([_key]);
        for (int i = 0; i < 2; i++)
        {
            SqliteDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, _folder["receivers.db"]);
            _sources.Add(source);
            SqlWebhookClaimStore claims = new(source, SqlDialect.Sqlite);
            SqlReplayCache replays = new(source, SqlDialect.Sqlite);
            await claims.CreateIfAbsentAsync();
            await replays.CreateIfAbsentAsync();
            _receivers.Add(await Receiver.StartAsync(
                options => options with
                {
                    PublicOrigins = [PublicOrigin],
                    Verifier = new Rfc9421Verifier(VerificationKeySet.FromJwks(jwks, Receiver.Sender), replays),
                    Store = claims,
                },
                async (_, token) =>
                {
                    Interlocked.Increment(ref _handled);
                    await _gate.Task.WaitAsync(token);
                }));
        }

        _gate.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Receiver receiver in _receivers)
        {
            await receiver.DisposeAsync();
        }

        foreach (SqliteDataSource source in _sources)
        {
            SqliteConnection.ClearPool(new SqliteConnection(source.ConnectionString));
            await source.DisposeAsync();
        }

        _key.Dispose();
        _folder.Dispose();
    }

    private static async Task<int> PostAsync(Receiver receiver, byte[] head, byte[] body)
    {
        await using NetworkStream stream = await receiver.ConnectAsync();
        await stream.WriteAsync(head);
        await stream.WriteAsync(body);
        return await Receiver.StatusAsync(stream);
    }

    private byte[] Body(string key) => _receivers[0].Prepare(key: key).Body.ToArray();

    /// <summary>Signs a body for the public origin, with a nonce of its own.</summary>
    private byte[] Head(Receiver receiver, byte[] body) =>
        receiver.SignedHead(PublicOrigin, "internal", $"Content-Length: {body.Length}", body, _key);
}
