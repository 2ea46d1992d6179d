using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Adcp.Aot.Receiving;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class KilledProcessTests
{
    private const string FileVariable = "ADCP_TEST_CLAIMS";
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private static readonly TimeSpan Retention = TimeSpan.FromHours(24);

    /// <summary>
    /// Claims and completes until the process is killed, and runs no test, if this assembly was started for that.
    /// </summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "The test assembly is its own victim.")]
    internal static void BeTheVictim()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is not { Length: > 0 } file)
        {
            return;
        }

        using SqliteDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, file);
        SqlWebhookClaimStore store = new(source, SqlDialect.Sqlite);
        store.CreateIfAbsentAsync().AsTask().GetAwaiter().GetResult();
        for (int i = 0; ; i++)
        {
            WebhookClaim claim =
                store.ClaimAsync("s", KeyOf(i), Fingerprint(i), Lease, Retention, default).AsTask().GetAwaiter().GetResult();
            Console.WriteLine($"claimed {i} {claim.Owner}");
            if (i % 2 == 0)
            {
                Console.WriteLine($"completed {i} {store.CompleteAsync(claim, default).AsTask().GetAwaiter().GetResult()}");
            }
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    [InlineData(101)]
    public async Task What_a_killed_process_was_told_is_true_afterwards(int lines)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adcp-claims-");
        string file = Path.Combine(folder.FullName, "claims.db");
        Dictionary<int, long> claimed = [];
        HashSet<int> completed = [];
        ProcessStartInfo start = new("dotnet", [typeof(KilledProcessTests).Assembly.Location])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[FileVariable] = file;
        using Process victim = Process.Start(start)!;
        for (int line = 0; await victim.StandardOutput.ReadLineAsync() is { } text; line++)
        {
            string[] words = text.Split(' ');
            if (words[0] == "claimed")
            {
                claimed.Add(int.Parse(words[1], null), long.Parse(words[2], null));
            }
            else
            {
                Assert.Equal("True", words[2]);
                completed.Add(int.Parse(words[1], null));
            }

            if (line == lines)
            {
                // SIGKILL. The output that it has written meanwhile is still read.
                victim.Kill();
            }
        }

        Assert.True(claimed.Count > lines / 2);
        await using SqliteDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, file);
        SqlWebhookClaimStore store = new(source, SqlDialect.Sqlite);
        foreach ((int i, long owner) in claimed)
        {
            ClaimStatus status = (await store.ClaimAsync("s", KeyOf(i), Fingerprint(i), Lease, Retention, default)).Status;

            // The last one may have been completed without an answer.
            bool mayBeCompleted = completed.Contains(i) || (i == claimed.Count - 1 && i % 2 == 0);
            Assert.True(
                status == ClaimStatus.Completed ? mayBeCompleted : status == ClaimStatus.InProgress && !completed.Contains(i),
                $"{i}: {status}");
            Assert.NotEqual(0, owner);
        }

        Assert.Equal(
            ClaimStatus.Conflict, (await store.ClaimAsync("s", KeyOf(0), Fingerprint(-1), Lease, Retention, default)).Status);
        SqliteConnection.ClearPool(new SqliteConnection(source.ConnectionString));
        folder.Delete(recursive: true);
    }

    private static string KeyOf(int i) => $"whk_0123456789abcdef_{i}";

    private static byte[] Fingerprint(int i) => System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(KeyOf(i)));
}
