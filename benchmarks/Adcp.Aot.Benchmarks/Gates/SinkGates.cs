using Adcp.Aot.Benchmarks.Storage;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// The generated sink beside hand-written code on the same driver. A database that is not there is said, and not
/// measured.
/// </summary>
internal static class SinkGates
{
    private const int Rounds = 60;

    /// <summary>A COPY takes a third of the time of the others' inserts and varies more, so it gets as much time as they.</summary>
    private const int CopyRounds = 160;

    internal static IEnumerable<Gate> Run()
    {
        foreach (string server in new[] { "ADCP_TEST_POSTGRES", "ADCP_TEST_MYSQL" })
        {
            if (Environment.GetEnvironmentVariable(server) is not { Length: > 0 })
            {
                Console.Error.WriteLine($"skipped: {server} is not set");
            }
        }

        IAsyncEnumerable<SinkFigures> figures =
            SinkComparison.MeasureAsync(static dialect => dialect == SqlDialect.PostgreSql ? CopyRounds : Rounds, withDapper: false);
        return figures.ToBlockingEnumerable().Select(static of => new Gate(
            $"{(of.Dialect == SqlDialect.PostgreSql ? "PostgreSQL COPY" : of.Dialect)} rows in batches of {of.Batch}, "
            + "generated sink / hand-written code",
            "rows/s",
            of.Generated,
            of.HandWritten,
            of.ByHand,
            AtLeast: true,
            SinkComparison.Bound));
    }
}
