using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Diagnostics;
using Adcp.Aot.Storage.Tests.Databases;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The conditions that only a file has.</summary>
public sealed class SqliteOutboxConditionsTests() : OutboxConditionsContract(SqlDialect.Sqlite)
{
    private const string FileVariable = "ADCP_TEST_OUTBOX";
    private const int SmallDisk = 4 << 20;

    [Fact]
    public async Task Full_disk_refuses_webhooks_by_a_clear_fault_and_delivers_each_accepted_one_once()
    {
        await using SmallVolume volume = await SmallVolume.CreateAsync(SmallDisk);
        SqlWebhookOutbox outbox = await OpenAsync(volume.Source);
        OutboxWorker worker = Worker(outbox);
        await worker.StartAsync();
        int accepted = 0;
        DbException? fault = null;
        for (int i = 0; fault is null; i++)
        {
            Assert.True(i < 10_000, "The disk does not become full.");
            try
            {
                await outbox.EnqueueAsync(null, Items(20, "gate"));
                accepted += 20;
            }
            catch (DbException caught)
            {
                fault = caught;
            }
        }

        Assert.Contains("full", fault.Message, StringComparison.OrdinalIgnoreCase);
        Release();
        await UntilAsync(() => Sender.Count > 0);
        await volume.GrowAsync();

        await EmptyAsync(outbox);
        Assert.Equal(accepted, Sender.Count);
        Assert.Equal(accepted, Sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct().Count());
        await worker.DisposeAsync();
        await outbox.DisposeAsync();
    }

    [Fact]
    public async Task Lanes_of_a_killed_process_are_taken_although_its_lease_continues()
    {
        string file = new SqliteConnectionStringBuilder(Database.ConnectionString).DataSource;
        SqlWebhookOutbox outbox = await OpenAsync();
        ProcessStartInfo start = new("dotnet", [typeof(SqliteOutboxProcessTests).Assembly.Location])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[FileVariable] = file;
        using Process victim = Process.Start(start)!;
        Assert.Equal("64 lanes", await victim.StandardOutput.ReadLineAsync());
        FakeTimeProvider time = new();
        await using OutboxWorker worker = new(outbox, Sender, new OutboxWorkerOptions
        {
            Attempts = new WebhookSupervisorOptions { TimeProvider = time, Retry = OutboxWorkerOptions.DefaultRetry },
        });
        await worker.StartAsync();
        Assert.Equal(0, (await worker.GetStatusAsync()).Lanes);

        victim.Kill();
        await victim.WaitForExitAsync();
        await UntilAsync(async () =>
        {
            // The lease of the victim lasts an hour by the database's clock.
            time.Advance(TimeSpan.FromMilliseconds(20));
            return (await worker.GetStatusAsync()).Lanes == 64;
        });
        Assert.Equal(1, (await outbox.GetStatusAsync()).Workers);
        Task stopped = worker.DisposeAsync().AsTask();
        await time.RunUntilAsync(() => stopped.IsCompleted);
    }

    private protected override async Task CountWritesAsync(IReadOnlyList<string> tables)
    {
        await Database.ExecuteAsync("CREATE TABLE writes (what TEXT NOT NULL)");
        foreach (string table in tables)
        {
            foreach (string kind in new[] { "INSERT", "UPDATE", "DELETE" })
            {
                await Database.ExecuteAsync(
                    $"CREATE TRIGGER note_{kind}_{table} AFTER {kind} ON {table} BEGIN INSERT INTO writes VALUES ('{kind} {table}'); END");
            }
        }
    }

    /// <summary>A reader that is open keeps the log from being emptied, and a writer keeps it from being locked.</summary>
    private protected override async Task<bool> HasOpenTransactionAsync() =>
        (await Database.RowsAsync("PRAGMA wal_checkpoint(TRUNCATE)"))[0][0] is not 0L;

    /// <summary>
    /// A file system of a few megabytes. If none can be mounted, as in a container without that right, SQLite's own limit of pages stands
    /// for it, and a warning says so.
    /// </summary>
    private sealed class SmallVolume : IAsyncDisposable
    {
        private const int PageSize = 4096;

        private readonly string _folder;
        private readonly string? _ballast;
        private readonly SqliteDataSource _inner;
        private readonly ConcurrentBag<DbConnection> _limited = [];
        private long _pages;

        private SmallVolume(string folder, bool isMounted, int size)
        {
            _folder = folder;
            _pages = isMounted ? int.MaxValue : size / 2 / PageSize;
            _inner = SqliteDataSource.Create(SqliteFactory.Instance, Path.Combine(folder, "outbox.db"));
            if (isMounted)
            {
                _ballast = Path.Combine(folder, "ballast");
                File.WriteAllBytes(_ballast, new byte[size / 2]);
            }

            Source = new PreparedSource(_inner, connection =>
            {
                using DbCommand command = connection.CreateCommand();
                command.CommandText = $"PRAGMA max_page_count = {Volatile.Read(ref _pages)}";
                command.ExecuteNonQuery();
                if (!isMounted)
                {
                    _limited.Add(connection);
                }
            });
        }

        public DbDataSource Source { get; }

        public static async Task<SmallVolume> CreateAsync(int size)
        {
            string folder = Directory.CreateTempSubdirectory("adcp-small-").FullName;
            string? refusal = OperatingSystem.IsLinux()
                ? await RunAsync("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder)
                : "only Linux has tmpfs";
            if (refusal is null)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"The disk is a tmpfs of {size} bytes.");
            }
            else
            {
                TestContext.Current.AddWarning($"The disk is SQLite's max_page_count, because no tmpfs can be mounted: {refusal}");
            }

            return new SmallVolume(folder, isMounted: refusal is null, size);
        }

        /// <summary>Makes room.</summary>
        public async Task GrowAsync()
        {
            if (_ballast is not null)
            {
                File.Delete(_ballast);
                return;
            }

            Volatile.Write(ref _pages, int.MaxValue);
            foreach (DbConnection connection in _limited.Where(static one => one.State == ConnectionState.Open))
            {
                await using DbCommand command = connection.CreateCommand();
                command.CommandText = $"PRAGMA max_page_count = {int.MaxValue}";
                await command.ExecuteNonQueryAsync();
            }
        }

        public async ValueTask DisposeAsync()
        {
            SqliteConnection.ClearPool(new SqliteConnection(_inner.ConnectionString));
            await _inner.DisposeAsync();
            if (_ballast is not null)
            {
                await RunAsync("umount", "-l", _folder);
            }

            Directory.Delete(_folder, recursive: true);
        }

        /// <summary>Returns why a program failed; <see langword="null"/> if it did not.</summary>
        private static async Task<string?> RunAsync(string program, params string[] arguments)
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(program, arguments)
                {
                    RedirectStandardError = true,
                    UseShellExecute = false,
                })!;
                string errors = await process.StandardError.ReadToEndAsync();
                await process.WaitForExitAsync();
                return process.ExitCode == 0 ? null : $"{program} ended with exit code {process.ExitCode}: {errors.Trim()}";
            }
            catch (System.ComponentModel.Win32Exception fault)
            {
                return fault.Message;
            }
        }
    }
}
