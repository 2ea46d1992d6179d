using System.Data.Common;
using System.Threading.Channels;
using Adcp.Aot.AspNetCore.Tests;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Hosting.Tests.Purging;

public sealed class PurgeTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly CapturingLog _log = new();

    [Fact]
    public async Task Stores_are_purged_until_nothing_is_left_at_the_start_and_every_ten_minutes()
    {
        ScriptedStore one = new(10, 10, 3, 10, 0);
        ScriptedStore another = new(0, 1);
        using IHost host = await StartAsync(one, another);
        await one.ExpectAsync(10, 10, 3);
        await another.ExpectAsync(0);
        _time.Advance(TimeSpan.FromMinutes(10));
        await one.ExpectAsync(10, 0);
        await another.ExpectAsync(1);
        await host.StopAsync();
        Assert.Equal((0, 0), (one.Left, another.Left));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task A_store_that_fails_is_logged_keeps_none_from_being_purged_and_is_tried_again()
    {
        int[] failures = [ScriptedStore.Fails, ScriptedStore.Cancels, 0];
        ScriptedStore broken = new(failures);
        ScriptedStore sound = new(0, 0, 0);
        using IHost host = await StartAsync(broken, sound);
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(i == 0 ? TimeSpan.Zero : TimeSpan.FromMinutes(10));
            await broken.ExpectAsync(failures[i]);
            await sound.ExpectAsync(0);
        }

        await host.StopAsync();
        Assert.Equal(2, _log.Lines.Count(line =>
            line.StartsWith("Warning: Expired rows of ScriptedStore could not be deleted", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_logger_that_throws_ends_neither_purge_nor_host()
    {
        ScriptedStore broken = new(ScriptedStore.Fails, 0);
        using ThrowingLog log = new();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddProvider(log).AddFilter("Microsoft", LogLevel.None);
        builder.Services.AddAdcpPurge([broken], _time);
        using IHost host = builder.Build();
        await host.StartAsync();
        await broken.ExpectAsync(ScriptedStore.Fails);
        await log.Asked.Task;

        _time.Advance(TimeSpan.FromMinutes(10));

        await broken.ExpectAsync(0);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_purge_under_way_ends_with_its_host()
    {
        ScriptedStore store = new(ScriptedStore.Waits);
        using IHost host = await StartAsync(store);
        await store.ExpectAsync(ScriptedStore.Waits);
        await host.StopAsync();
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task Expired_claims_and_nonces_are_deleted_and_live_ones_stay()
    {
        using Folder folder = new();
        await using SqliteDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, folder["receiver.db"]);
        SqlWebhookClaimStore claims = new(source, SqlDialect.Sqlite);
        SqlReplayCache replays = new(source, SqlDialect.Sqlite);
        await claims.CreateIfAbsentAsync();
        await replays.CreateIfAbsentAsync();
        await claims.ClaimAsync("s", "live", new byte[32], TimeSpan.FromHours(1), TimeSpan.FromHours(1), default);
        await replays.TryAddAsync("s", "k", new string('n', 22).AsMemory(), DateTimeOffset.UtcNow.AddMinutes(6), default);
        await RunAsync(source, "INSERT INTO adcp_webhook_claims VALUES ('s', 'old', 'f', 1, 1, 0, 1)");
        await RunAsync(source, "INSERT INTO adcp_webhook_nonces VALUES ('s', 'k', 'old', 1, 1)");

        using IHost host = await StartAsync(claims, replays);

        const string Rows = "SELECT (SELECT COUNT(*) FROM adcp_webhook_claims) || ' ' || (SELECT COUNT(*) FROM adcp_webhook_nonces)";
        while (await RunAsync(source, Rows) is not "1 1")
        {
            await Task.Yield();
        }

        await host.StopAsync();
        Assert.Empty(_log.Lines);
        SqliteConnection.ClearPool(new SqliteConnection(source.ConnectionString));
    }

    [Fact]
    public void A_null_is_refused_at_once()
    {
        ServiceCollection services = new();
        Assert.Equal("stores", Assert.Throws<ArgumentNullException>(() => services.AddAdcpPurge(null!)).ParamName);
        Assert.Equal("stores", Assert.Throws<ArgumentNullException>(() => services.AddAdcpPurge([null!])).ParamName);
        Assert.Equal("services", Assert.Throws<ArgumentNullException>(() =>
            AdcpPurgeServiceCollectionExtensions.AddAdcpPurge(null!, [])).ParamName);
    }

    public void Dispose() => _log.Dispose();

    private static async Task<object?> RunAsync(DbDataSource source, string sql)
    {
        await using DbCommand command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    private async Task<IHost> StartAsync(params IExpiringStore[] stores)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddProvider(_log).AddFilter("Microsoft", LogLevel.None);
        builder.Services.AddAdcpPurge(stores, _time);
        IHost host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private sealed class ThrowingLog : ILoggerProvider, ILogger
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Asked.TrySetResult();
            throw new InvalidOperationException("The log is full.");
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Answers purges by a script.</summary>
    private sealed class ScriptedStore(params int[] script) : IExpiringStore
    {
        public const int Fails = -1;
        public const int Cancels = -2;
        public const int Waits = -3;

        private readonly Channel<int> _calls = Channel.CreateUnbounded<int>();
        private int _next;

        public int PurgeBatchSize => 10;

        public int Left => script.Length - _next;

        public async ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default)
        {
            int answer = script[_next++];
            await _calls.Writer.WriteAsync(answer, CancellationToken.None);
            switch (answer)
            {
                case Fails:
                    throw new IOException("the disk is full");
                case Cancels:
                    throw new OperationCanceledException("the database took too long");
                case Waits:
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                    break;
            }

            return answer;
        }

        /// <summary>Waits for these answers.</summary>
        public async Task ExpectAsync(params int[] answers)
        {
            foreach (int answer in answers)
            {
                Assert.Equal(answer, await _calls.Reader.ReadAsync());
            }
        }
    }
}
