using System.Data.Common;
using System.Diagnostics;
using System.Text;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>The seller that <see cref="KilledSellerTests"/> kills: this assembly in a process of its own.</summary>
public sealed class KilledSellerVictim
{
    private const string CallVariable = "ADCP_TEST_KILLED_SELLER";
    private const string PointVariable = "ADCP_TEST_KILLED_AT";
    private const string Reached = "The victim is at: ";

    /// <summary>Starts a seller that makes one call, and kills it when its tool has reached a point.</summary>
    internal static async Task RunUntilAsync(string point, string call)
    {
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            ArgumentList =
            {
                typeof(KilledSellerVictim).Assembly.Location,
                "-method", $"{typeof(KilledSellerVictim).FullName}.{nameof(Makes_a_call_that_never_ends)}",
            },
            Environment = { [CallVariable] = call, [PointVariable] = point },
        };
        using Process victim = Process.Start(start)!;
        try
        {
            StringBuilder output = new();
            while (await victim.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)) is { } line)
            {
                if (line == Reached + point)
                {
                    return;
                }

                output.AppendLine(line);
            }

            Assert.Fail("The victim ended by itself: " + output);
        }
        finally
        {
            victim.Kill();
            await victim.WaitForExitAsync();
        }
    }

    /// <summary>Is a test so that the runner of this assembly can be told to run it. In any other run there is no call to make.</summary>
    [Fact]
    public async Task Makes_a_call_that_never_ends()
    {
        if (Environment.GetEnvironmentVariable(CallVariable) is not { } given)
        {
            return;
        }

        string[] call = given.Split('|');
        SqlDialect dialect = Enum.Parse<SqlDialect>(call[0]);
        await using DbDataSource source = dialect == SqlDialect.Sqlite
            ? SqliteDataSource.Create(SqliteFactory.Instance, new SqliteConnectionStringBuilder(call[1]).DataSource)
            : NpgsqlDataSource.Create(call[1]);
        LedgerPlatform seller = new(source)
        {
            At = async reached =>
            {
                if (reached == Environment.GetEnvironmentVariable(PointVariable))
                {
                    // The runner captures the console.
                    await using Stream output = Console.OpenStandardOutput();
                    await output.WriteAsync(Encoding.UTF8.GetBytes($"\n{Reached}{reached}\n"));
                    await output.FlushAsync();
                    await Task.Delay(Timeout.Infinite);
                }
            },
        };
        await using PlatformHandler handler = AdcpServer.CreateFromPlatform(seller, LedgerPlatform.Options(source, dialect));
        await KilledSellerTests.CallAsync(handler, call[2]);
    }
}
